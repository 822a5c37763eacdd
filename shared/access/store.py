"""Reading API keys, which the gateway owns and writes."""

import hmac
from typing import Any

from shared.access.caller import Caller
from shared.access.keys import ApiKey, hash_key
from shared.db.pool import Pool

KEYS_CHANNEL = "tallygate_keys"  # payload: the key that changed

_KEY = """
SELECT tenant_id, key_sha256, scopes, allowed_models, max_priority FROM gateway.api_keys
WHERE key_id = $1 AND revoked_at IS NULL
"""

_KEY_BY_ID = """
SELECT tenant_id, scopes, allowed_models, max_priority FROM gateway.api_keys WHERE key_id = $1 AND revoked_at IS NULL
"""


class KeyReader:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def caller_of(self, key: ApiKey) -> Caller | None:
        row = await self._pool.fetchrow(_KEY, key.key_id)
        if row is None or not hmac.compare_digest(row["key_sha256"], hash_key(key.text)):
            return None
        return _caller(row, key.key_id)

    async def caller_of_id(self, key_id: str) -> Caller | None:
        """For what goes on in the name of a key that was checked before; None when it was revoked since."""
        row = await self._pool.fetchrow(_KEY_BY_ID, key_id)
        return None if row is None else _caller(row, key_id)


def _caller(row: Any, key_id: str) -> Caller:
    allowed = None if row["allowed_models"] is None else tuple(row["allowed_models"])
    return Caller(row["tenant_id"], key_id, frozenset(row["scopes"]), allowed, row["max_priority"])
