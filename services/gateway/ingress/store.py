"""All SQL on what upstream services asked by Kafka, where their answers are told, and the keys these are sealed for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.gateway.quotas import over_quota
from services.gateway.tenants.changes import Change
from services.gateway.tenants.store import HOLD_TENANT, record_change
from shared.db.pool import Pool

_KNOWN = """
SELECT u.reply_id, u.tenant_id, u.sha256, u.reply_topic, b.inference_id IS NULL OR b.ended_at IS NOT NULL
FROM gateway.upstream u LEFT JOIN gateway.background b ON b.inference_id = u.inference_id AND b.tenant_id = u.tenant_id
WHERE u.reply_id = ANY($1::uuid[])
"""

_OPEN = """
SELECT count(*) FROM (
    SELECT FROM gateway.background WHERE tenant_id = $1 AND ended_at IS NULL AND deadline_at > $2 LIMIT $3) AS open
"""

# Of a tenant that is not there, or with an id that is another tenant's, nothing is added.
_ADD = """
WITH given AS (
    SELECT one.* FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::float8[],
                             $7::bytea[], $8::text[], $9::text[], $10::bytea[], $11::text[], $12::text[])
        AS one (id, tenant_id, operation, accepted_at, deadline_at, kept_s, sha256, reply_topic, reply_key_id,
                public_key, trace_context, sealed_request)
    JOIN gateway.tenants USING (tenant_id)
    WHERE NOT EXISTS (SELECT FROM gateway.background b WHERE b.inference_id = one.id AND b.tenant_id <> one.tenant_id)
), own AS (
    INSERT INTO gateway.upstream (reply_id, inference_id, tenant_id, sha256, reply_topic, reply_key_id, public_key,
                                  trace_context, kept_until)
    SELECT id, id, tenant_id, sha256, reply_topic, reply_key_id, public_key, trace_context,
           greatest(deadline_at, $13::timestamptz) + make_interval(secs => kept_s)
    FROM given ON CONFLICT DO NOTHING RETURNING reply_id
), background AS (
    INSERT INTO gateway.background (inference_id, tenant_id, operation, streamed, sealed_request, accepted_at,
                                    deadline_at, kept_s, kept_until)
    SELECT id, tenant_id, operation, false, sealed_request, accepted_at, deadline_at, kept_s,
           greatest(deadline_at, $13::timestamptz) + make_interval(secs => kept_s)
    FROM given JOIN own ON own.reply_id = given.id ON CONFLICT DO NOTHING
)
SELECT reply_id FROM own
"""

_REFUSE = """
INSERT INTO gateway.upstream (reply_id, inference_id, tenant_id, reply_topic, trace_context, refusal, due_at,
                              kept_until)
VALUES ($1, $2, $3, $4, $5, $6, $7::timestamptz, $7::timestamptz + interval '1 day') ON CONFLICT DO NOTHING
"""

_DUE = """
UPDATE gateway.upstream SET due_at = $2
WHERE reply_id = ANY($1::uuid[]) AND reply_topic IS NOT NULL AND told_at IS NULL AND due_at IS NULL
"""

# Whoever takes a reply to tell it has it until then; should it die, another one tells it. Tenants take turns, whatever
# waits for one of them: from one tenant to the next by the index, the oldest of each.
_TAKE = """
WITH RECURSIVE tenant AS (
    (SELECT tenant_id FROM gateway.upstream WHERE due_at IS NOT NULL ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT tenant_id FROM gateway.upstream WHERE due_at IS NOT NULL AND tenant_id > before.tenant_id
            ORDER BY tenant_id LIMIT 1)
    FROM tenant before WHERE before.tenant_id IS NOT NULL
), due AS (
    SELECT reply_id, due_at, row_number() OVER (PARTITION BY tenant_id ORDER BY due_at) AS turn
    FROM tenant CROSS JOIN LATERAL (
        SELECT reply_id, due_at FROM gateway.upstream u WHERE u.tenant_id = tenant.tenant_id AND due_at <= $1
        ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS oldest
    ORDER BY turn, due_at LIMIT $3
)
UPDATE gateway.upstream u SET due_at = $1::timestamptz + $2::interval
FROM due WHERE u.reply_id = due.reply_id
RETURNING u.reply_id, u.inference_id, u.tenant_id, u.reply_topic, u.reply_key_id, u.public_key, u.trace_context,
          u.refusal, u.failures
"""

# Whatever else is due for the same topic would fail as well, where one is given: it is left alone meanwhile, too.
_PUT_OFF = """
UPDATE gateway.upstream SET due_at = $3, failures = failures + 1
WHERE reply_id = ANY($1::uuid[]) OR (reply_topic = $2 AND due_at <= $3)
"""

_FORGET = """
DELETE FROM gateway.upstream WHERE reply_id IN (
    SELECT reply_id FROM gateway.upstream WHERE kept_until < $1
    ORDER BY kept_until LIMIT $2 FOR UPDATE SKIP LOCKED)
"""

_NEW_KEY = "INSERT INTO gateway.reply_keys VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"


class Known(NamedTuple):
    """A request that is here already. sha256: None of what was refused. ended: its result is stored, or is kept no
    longer."""

    tenant_id: str
    sha256: bytes | None
    reply_topic: str | None
    ended: bool


class New(NamedTuple):
    """A request to be taken, in the order of the columns of `_ADD`. sealed_request: of a response, what it was asked
    with."""

    inference_id: UUID
    tenant_id: str
    operation: str
    accepted_at: datetime
    deadline_at: datetime
    kept_s: float
    sha256: bytes
    reply_topic: str | None
    reply_key_id: str | None
    public_key: bytes | None
    trace_context: str | None
    sealed_request: str | None


class Refused(NamedTuple):
    """refusal: an UpstreamReplyFailed, as JSON."""

    reply_id: UUID
    inference_id: UUID
    tenant_id: str
    reply_topic: str
    trace_context: str | None
    refusal: bytes


class Due(NamedTuple):
    """A reply to be told. refusal: the whole of it; None: it is the stored result."""

    reply_id: UUID
    inference_id: UUID
    tenant_id: str
    reply_topic: str
    reply_key_id: str | None
    public_key: bytes | None
    trace_context: str | None
    refusal: bytes | None
    failures: int


class UpstreamStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def known(self, inference_ids: Sequence[UUID]) -> dict[UUID, Known]:
        rows = await self._pool.fetch(_KNOWN, inference_ids)
        return {row[0]: Known(*row[1:]) for row in rows}

    async def open_of(self, tenant_id: str, now: datetime, most: int) -> int:
        """How many inferences of the tenant in the background have not ended, counted up to `most`."""
        return int(await self._pool.fetchval(_OPEN, tenant_id, now, most))

    async def add(self, new: Sequence[New], now: datetime) -> set[UUID]:
        """Which were added: neither what was there, nor what is of no tenant."""
        columns = (list(column) for column in zip(*new, strict=True))
        return {row[0] for row in await self._pool.fetch(_ADD, *columns, now)}

    async def refuse(self, refused: Sequence[Refused], now: datetime) -> None:
        await self._pool.executemany(_REFUSE, [(*each, now) for each in refused])

    async def due(self, inference_ids: Sequence[UUID], now: datetime) -> bool:
        """Their results are stored. Whether there is any reply to be told."""
        return bool(await self._pool.execute(_DUE, inference_ids, now) != "UPDATE 0")

    async def take(self, now: datetime, lease: timedelta, most: int) -> list[Due]:
        return [Due(*row) for row in await self._pool.fetch(_TAKE, now, lease, most)]

    async def told(self, reply_ids: Sequence[UUID], now: datetime) -> None:
        await self._pool.execute(
            "UPDATE gateway.upstream SET told_at = $2, due_at = NULL WHERE reply_id = ANY($1::uuid[])", reply_ids, now
        )

    async def put_off(self, reply_ids: Sequence[UUID], topic: str | None, until: datetime) -> None:
        """topic: with all that is due for it."""
        await self._pool.execute(_PUT_OFF, reply_ids, topic, until)

    async def forget(self, now: datetime, limit: int) -> int:
        """How many were deleted of those that are kept no longer, at most `limit`."""
        return int((await self._pool.execute(_FORGET, now, limit)).rpartition(" ")[2])


class ReplyKeyStore:
    """most: keys of one tenant."""

    def __init__(self, pool: Pool, most: int) -> None:
        self._pool = pool
        self._most = most

    async def add(self, reply_key_id: str, public_key: bytes, change: Change, now: datetime) -> bool:
        """False when the tenant has one of that id. Raises TallygateError when it has too many."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(HOLD_TENANT, change.tenant_id)
            has = await connection.fetchval(
                "SELECT count(*) FROM gateway.reply_keys WHERE tenant_id = $1", change.tenant_id
            )
            if has >= self._most:
                tip = "Remove one that is not needed: tallygate reply-keys remove <id>"
                raise over_quota("reply keys", has, self._most, "TALLYGATE_MAX_REPLY_KEYS_PER_TENANT", tip)
            made = await connection.execute(_NEW_KEY, change.tenant_id, reply_key_id, public_key, now) == "INSERT 0 1"
            if made:
                await record_change(connection, change)
            return made

    async def keys(self, tenant_id: str) -> list[asyncpg.Record]:
        return await self._pool.fetch(
            "SELECT reply_key_id, public_key, created_at FROM gateway.reply_keys WHERE tenant_id = $1 "
            "ORDER BY created_at, reply_key_id",
            tenant_id,
        )

    async def key(self, tenant_id: str, reply_key_id: str) -> bytes | None:
        found: bytes | None = await self._pool.fetchval(
            "SELECT public_key FROM gateway.reply_keys WHERE tenant_id = $1 AND reply_key_id = $2",
            tenant_id,
            reply_key_id,
        )
        return found

    async def remove(self, reply_key_id: str, change: Change) -> bool:
        """False when the tenant has none of that id."""
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(
                "DELETE FROM gateway.reply_keys WHERE tenant_id = $1 AND reply_key_id = $2",
                change.tenant_id,
                reply_key_id,
            )
            if status == "DELETE 1":
                await record_change(connection, change)
            return bool(status == "DELETE 1")
