"""All SQL on caps of sessions. Every statement but the one that forgets old ones is bound to a tenant."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import asyncpg

from services.gateway.quotas import over_quota
from services.gateway.session_caps.schemas import SessionCap
from services.gateway.tenants.changes import Change
from services.gateway.tenants.store import HOLD_TENANT, record_change
from shared.db.pool import Pool
from shared.db.reads import Reads
from shared.events import CAP_LIFE, SessionCapped

_COLUMNS = "session, since, usd, calls, tokens"

_COUNT = "SELECT count(*) FROM gateway.session_caps WHERE tenant_id = $1 AND session <> $2 AND since > $3"

_PUT = f"""
INSERT INTO gateway.session_caps AS old (tenant_id, {_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, session) DO UPDATE SET
    usd = excluded.usd, calls = excluded.calls, tokens = excluded.tokens,
    since = CASE WHEN old.since > $7 THEN old.since ELSE excluded.since END
RETURNING since
"""  # noqa: S608 - only constants are joined

_FORGET = """
DELETE FROM gateway.session_caps WHERE (tenant_id, session) IN (
    SELECT tenant_id, session FROM gateway.session_caps WHERE since <= $1 LIMIT $2)
"""

Tell = Callable[[SessionCapped], Awaitable[None]]


class SessionCapStore:
    """reads: for lists, which may be long. most: capped sessions of one tenant.

    tell: of a cap to all who refuse requests. It is told before the transaction ends, so that what is stored has been
    told: without an ack it is rolled back, and its tenant's caps are told in the order in which they are stored.
    """

    def __init__(self, pool: Pool, reads: Reads, most: int, tell: Tell) -> None:
        self._pool = pool
        self._reads = reads
        self._most = most
        self._tell = tell

    async def put(self, cap: SessionCap, change: Change, now: datetime) -> bool:
        """Whether the session was not capped before; otherwise what it has used still counts. Raises TallygateError
        when the tenant has too many, and when it could not be told."""
        tenant_id, amounts = change.tenant_id, (cap.usd, cap.calls, cap.tokens)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(HOLD_TENANT, tenant_id)
            has = await connection.fetchval(_COUNT, tenant_id, cap.session, now - CAP_LIFE)
            if has >= self._most:
                tip = "Take one away that is not needed: tallygate sessions uncap <session>"
                raise over_quota("capped sessions", has, self._most, "TALLYGATE_MAX_SESSION_CAPS_PER_TENANT", tip)
            since = await connection.fetchval(_PUT, tenant_id, cap.session, now, *amounts, now - CAP_LIFE)
            await record_change(connection, change)
            usd, calls, tokens = amounts
            await self._tell(
                SessionCapped(
                    tenant_id=tenant_id, session=cap.session, since=since, usd=usd, calls=calls, tokens=tokens
                )
            )
        return bool(since == now)

    async def remove(self, session: str, change: Change, now: datetime) -> bool:
        """False when the session has no cap. Raises TallygateError when it could not be told."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(HOLD_TENANT, change.tenant_id)
            since = await connection.fetchval(
                "DELETE FROM gateway.session_caps WHERE tenant_id = $1 AND session = $2 RETURNING since",
                change.tenant_id, session,
            )  # fmt: skip
            if since is None or since <= now - CAP_LIFE:
                return False
            await record_change(connection, change)
            await self._tell(SessionCapped(tenant_id=change.tenant_id, session=session, since=since))
        return True

    async def caps(self, tenant_id: str, now: datetime) -> list[SessionCapped]:
        """The newest first."""
        query = (
            f"SELECT {_COLUMNS} FROM gateway.session_caps WHERE tenant_id = $1 AND since > $2 "  # noqa: S608
            "ORDER BY since DESC, session"
        )
        return [_cap(tenant_id, row) for row in await self._reads.fetch(tenant_id, query, tenant_id, now - CAP_LIFE)]

    async def cap(self, tenant_id: str, session: str, now: datetime) -> SessionCapped | None:
        query = f"SELECT {_COLUMNS} FROM gateway.session_caps WHERE tenant_id = $1 AND session = $2 AND since > $3"  # noqa: S608
        row = await self._pool.fetchrow(query, tenant_id, session, now - CAP_LIFE)
        return None if row is None else _cap(tenant_id, row)

    async def forget(self, now: datetime, most: int) -> int:
        """How many were deleted of those that hold no more; at most `most`."""
        return int((await self._pool.execute(_FORGET, now - CAP_LIFE, most)).rpartition(" ")[2])


def _cap(tenant_id: str, row: asyncpg.Record) -> SessionCapped:
    return SessionCapped(tenant_id=tenant_id, **dict(row))
