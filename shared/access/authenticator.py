"""From an HTTP request to its caller. Known keys are kept in memory until a notification says they changed."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping

from shared.access.caller import Caller
from shared.access.keys import ApiKey, hash_key, parse_key
from shared.access.store import KeyReader
from shared.errors import TallygateError

_KEPT = 10_000
_KEPT_S = 30.0  # a revocation whose notification was lost takes effect after this
_TIPS = (
    "Send your key as 'Authorization: Bearer tg_...' (or x-api-key).",
    "Make one: tallygate keys create --tenant <tenant>",
)


class Authenticator:
    def __init__(self, reader: KeyReader) -> None:
        self._reader = reader
        self._known: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()

    def changed(self, _key_id: str | None) -> None:
        """Keys change rarely: forget all of them rather than keep an index."""
        self._known.clear()

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Raises TallygateError (401). The text says what is missing, never what was sent."""
        text = _key_in(headers)
        key = parse_key(text) if text else None
        if key is None:
            detail = "the API key is not one of this gateway's" if text else "the request carries no API key"
            raise _refused(detail)
        digest = hash_key(key.text)
        known = self._known.get(digest)
        if known is not None and known[1] > asyncio.get_running_loop().time():
            return known[0]
        return await self._look_up(key, digest)

    async def _look_up(self, key: ApiKey, digest: bytes) -> Caller:
        caller = await self._reader.caller_of(key)
        if caller is None:
            self._known.pop(digest, None)
            raise _refused("the API key is unknown or was revoked")
        self._known[digest] = (caller, asyncio.get_running_loop().time() + _KEPT_S)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return caller


def _key_in(headers: Mapping[str, str]) -> str | None:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else headers.get("x-api-key")


def _refused(detail: str) -> TallygateError:
    return TallygateError("authentication_failed", detail, http_status=401, tips=_TIPS)
