"""HTTP/1.1 as bytes: requests as values, responses as what goes on the wire."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

JSON = "application/json"
HTML = "text/html; charset=utf-8"
EVENT_STREAM = "text/event-stream; charset=utf-8"
LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_REASONS = {status.value: status.phrase for status in HTTPStatus} | {529: "Site is overloaded"}


@dataclass(slots=True)
class Request:
    """One request, completely received. Header names are in lower case."""

    method: str = ""
    target: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    keep_alive: bool = True

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def key(self) -> str | None:
        authorization = self.header(b"authorization")
        if authorization is not None:
            scheme, _, credentials = authorization.partition(" ")
            return credentials.strip() if scheme.lower() == "bearer" else authorization
        return self.header(b"x-api-key")


def fingerprint(key: str | None) -> str | None:
    return None if key is None else hashlib.sha256(key.encode()).hexdigest()[:12]


def head(status: int, content_type: str, *headers: tuple[str, object]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\ncontent-type: {content_type}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers]
    return ("".join(lines) + "\r\n").encode("latin-1")


def sized_head(status: int, content_type: str, length: int, *headers: tuple[str, object]) -> bytes:
    return head(status, content_type, ("content-length", length), *headers)


def chunked_head(status: int, content_type: str, *headers: tuple[str, object]) -> bytes:
    return head(status, content_type, ("transfer-encoding", "chunked"), *headers)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunks(pieces: Iterable[bytes]) -> list[bytes]:
    return [chunk(piece) for piece in pieces]
