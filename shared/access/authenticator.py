"""From an HTTP request to its caller. Known keys are kept in memory until a notification says they changed."""

import asyncio
from collections.abc import Mapping

from shared.access.caller import Caller
from shared.access.keys import ApiKey, hash_key, parse_key
from shared.access.store import KeyReader
from shared.db.failures import RETRYABLE
from shared.errors import TallygateError
from shared.memory import Memory

_KEPT = 10_000
_KEPT_S = 30.0  # a revocation whose notification was lost takes effect after this
_KEPT_WITHOUT_DATABASE_S = 300.0  # as long as the registry is served without it
_TIPS = (
    "Send your key as 'Authorization: Bearer tg_...' (or x-api-key).",
    "Make one: tallygate keys create --tenant <tenant>",
)


class Authenticator:
    def __init__(self, reader: KeyReader) -> None:
        self._reader = reader
        self._known: Memory[bytes, tuple[Caller, float]] = Memory(_KEPT)

    def changed(self, _key_id: str | None) -> None:
        """Forget every known key: keys change rarely, so no index by key id is worth keeping.

        A look-up in flight may have read the row before it changed. It writes into the memory that it began with,
        so what it read does not get into the new one.
        """
        self._known = Memory(_KEPT)

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Raises TallygateError (401). The text says what is missing, never what was sent."""
        key = _key_in(headers)
        digest = hash_key(key.text)
        caller, read_at = self._known.get(digest) or (None, 0.0)
        age_s = asyncio.get_running_loop().time() - read_at
        if caller is not None and age_s < _KEPT_S:
            return caller
        try:
            return await self._look_up(key, digest)
        except RETRYABLE:
            if caller is not None and age_s < _KEPT_WITHOUT_DATABASE_S:
                return caller
            raise

    async def _look_up(self, key: ApiKey, digest: bytes) -> Caller:
        known = self._known
        caller = await self._reader.caller_of(key)
        if caller is None:
            known.forget(digest)
            raise _refused("the API key is unknown or was revoked")
        known.put(digest, (caller, asyncio.get_running_loop().time()))
        return caller


def _key_in(headers: Mapping[str, str]) -> ApiKey:
    """Of the two headers, the one that has a key of ours: coding agents send their own token beside it. Raises
    TallygateError (401); two keys of ours may not differ, since one of them would be charged."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    sent = (value.strip() if scheme.lower() == "bearer" else "", headers.get("x-api-key", ""))
    keys = {key for text in sent if (key := parse_key(text)) is not None}
    if len(keys) > 1:
        raise _refused("the request carries two API keys")
    if not keys:
        raise _refused("the API key is not one of this gateway's" if any(sent) else "the request carries no API key")
    return keys.pop()


def _refused(detail: str) -> TallygateError:
    return TallygateError(
        "authentication_failed", detail, http_status=401, title="Your API key was not accepted", tips=_TIPS
    )
