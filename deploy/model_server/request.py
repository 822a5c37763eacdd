"""A request, completely received."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from yarl import URL

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Request:
    """Header names are found in any case; of a repeated header the first one counts."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.url.path

    @property
    def key(self) -> str | None:
        if (authorization := self.headers.get("authorization")) is None:
            return self.headers.get("x-api-key")
        scheme, _, credentials = authorization.partition(" ")
        return credentials.strip() if scheme.lower() == "bearer" else authorization


async def receive(request: web.BaseRequest) -> Request:
    if request.headers.get("expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(CONTINUE)
    # Not `request.read()`, which refuses more than 1 MiB.
    return Request(request.method, request.rel_url, request.headers, await request.content.read())


def fingerprint(key: str | None) -> str | None:
    # aiohttp reads headers as UTF-8, and keeps bytes that are none as surrogates.
    return None if key is None else hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:12]
