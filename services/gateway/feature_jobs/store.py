"""All SQL on feature jobs as callers see them. The first settlement stays; watchers are notified."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from shared.db.pool import Connection, Pool
from shared.db.reads import Reads
from shared.events import FeatureEvent, FeatureProgressed, FeatureRequested, FeatureSettled, FeatureStarted

FEATURES_CHANNEL = "tallygate_features"  # NOTIFY with the feature id

_ACCEPT = """
INSERT INTO gateway.features (feature_id, tenant_id, generator, model, state, accepted_at, deadline_at)
VALUES ($1, $2, $3, $4, 'accepted', $5, $6)
ON CONFLICT (feature_id) DO UPDATE SET model = excluded.model, deadline_at = excluded.deadline_at
"""

_STARTED = """
INSERT INTO gateway.features AS known
    (feature_id, tenant_id, generator, state, delivery, accepted_at, started_at, deadline_at)
VALUES ($1, $2, $3, 'running', $4, $5, $6, $7)
ON CONFLICT (feature_id) DO UPDATE SET
    state = CASE WHEN known.settled_at IS NULL THEN 'running' ELSE known.state END,
    delivery = greatest(known.delivery, excluded.delivery),
    started_at = least(known.started_at, excluded.started_at),
    deadline_at = coalesce(known.deadline_at, excluded.deadline_at)
"""

# Progress and outcomes are on two topics, so a step may arrive after the settlement, which has added "done" itself.
_PROGRESSED = """
UPDATE gateway.features SET progress = progress || $3::jsonb, step = CASE WHEN settled_at IS NULL THEN $2 ELSE step END
WHERE feature_id = $1 AND NOT progress @> jsonb_build_array(jsonb_build_object('id', $4::text))
    AND (settled_at IS NULL OR $2::text <> 'done')
"""

_WRITING = """
UPDATE gateway.features SET characters = $2, characters_at = $3
WHERE feature_id = $1 AND settled_at IS NULL AND (characters_at IS NULL OR characters_at < $3)
"""

_SETTLED = """
INSERT INTO gateway.features AS known
    (feature_id, tenant_id, generator, state, delivery, sealed_result, error, calls, accepted_at, settled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (feature_id) DO UPDATE SET
    state = excluded.state, delivery = excluded.delivery, sealed_result = excluded.sealed_result,
    error = excluded.error, calls = excluded.calls, settled_at = excluded.settled_at,
    step = CASE WHEN excluded.state = 'completed' THEN 'done' ELSE known.step END,
    progress = CASE WHEN excluded.state = 'completed' AND NOT known.progress @> '[{"step": "done"}]'
        THEN known.progress || $11::jsonb ELSE known.progress END
WHERE known.settled_at IS NULL
"""

_WITHOUT_RESULT = """
SELECT feature_id, tenant_id, generator, model, state, step, delivery, progress, calls, error, accepted_at, started_at,
       settled_at, characters, characters_at, NULL AS sealed_result FROM gateway.features
"""

_STATES = {"completed": "completed", "failed": "failed", "expired": "failed", "cancelled": "cancelled"}


# What is older has passed the longest deadline, and ends without anybody's doing.
_OPEN = """
SELECT count(*) FROM gateway.features
WHERE tenant_id = $1 AND settled_at IS NULL AND accepted_at > $2::timestamptz - interval '2 days'
"""


_OVERDUE = """
SELECT feature_id, tenant_id, generator, greatest(delivery, 1), accepted_at FROM gateway.features
WHERE settled_at IS NULL AND deadline_at < $1 ORDER BY deadline_at LIMIT $2
"""


class OverdueJob(NamedTuple):
    """delivery: how many workers have taken it, at least 1."""

    feature_id: UUID
    tenant_id: str
    generator: str
    delivery: int
    accepted_at: datetime


class FeatureStore:
    def __init__(self, pool: Pool, reads: Reads) -> None:
        """reads: for lists, which may be long."""
        self._pool = pool
        self._reads = reads

    async def open_jobs(self, tenant_id: str, now: datetime) -> int:
        """How many have not ended."""
        return int(await self._pool.fetchval(_OPEN, tenant_id, now))

    async def overdue(self, before: datetime, most: int) -> list[OverdueJob]:
        """Jobs that have not ended and had to before then; those that had to first are first."""
        return [OverdueJob(*row) for row in await self._pool.fetch(_OVERDUE, before, most)]

    async def accept(self, event: FeatureRequested) -> None:
        await self._pool.execute(
            _ACCEPT, event.feature_id, event.tenant_id, event.generator, event.model, event.accepted_at,
            event.expires_at,
        )  # fmt: skip

    async def feature(self, tenant_id: str, feature_id: UUID) -> asyncpg.Record | None:
        """With its result, which may have megabytes."""
        return await self._pool.fetchrow(
            "SELECT * FROM gateway.features WHERE tenant_id = $1 AND feature_id = $2", tenant_id, feature_id
        )

    async def progress(self, tenant_id: str, feature_id: UUID) -> asyncpg.Record | None:
        """As `feature`, without its result."""
        return await self._pool.fetchrow(
            f"{_WITHOUT_RESULT} WHERE tenant_id = $1 AND feature_id = $2", tenant_id, feature_id
        )

    async def features(self, tenant_id: str, limit: int) -> list[asyncpg.Record]:
        """Newest first, without their results."""
        return await self._reads.fetch(
            tenant_id, f"{_WITHOUT_RESULT} WHERE tenant_id = $1 ORDER BY accepted_at DESC LIMIT $2", tenant_id, limit
        )

    async def keep(self, events: Sequence[FeatureEvent]) -> None:
        """Stores events in one transaction; an event that comes again changes nothing."""
        async with self._pool.acquire() as connection, connection.transaction():
            for event in sorted(events, key=_is_the_end):
                await _keep(connection, event)
            ids = sorted({str(event.feature_id) for event in events})
            await connection.execute("SELECT pg_notify($1, id) FROM unnest($2::text[]) AS id", FEATURES_CHANNEL, ids)

    async def forget_older(self, before: datetime) -> None:
        await self._pool.execute("DELETE FROM gateway.features WHERE settled_at < $1", before)


def _is_the_end(event: FeatureEvent) -> bool:
    return isinstance(event, FeatureSettled)


async def _keep(connection: Connection, event: FeatureEvent) -> None:
    match event:
        case FeatureStarted():
            await connection.execute(
                _STARTED, event.feature_id, event.tenant_id, event.generator, event.delivery, event.accepted_at,
                event.started_at, event.deadline_at,
            )  # fmt: skip
        case FeatureProgressed(characters=int(characters)):
            await connection.execute(_WRITING, event.feature_id, characters, event.progressed_at)
        case FeatureProgressed():
            await connection.execute(_PROGRESSED, event.feature_id, event.step, [_told(event)], str(event.event_id))
        case FeatureSettled():
            error = event.error.model_dump(mode="json") if event.error else None
            calls = [call.model_dump(mode="json") for call in event.calls]
            await connection.execute(
                _SETTLED, event.feature_id, event.tenant_id, event.generator, _STATES[event.settlement],
                event.delivery, event.sealed_result, error, calls, event.accepted_at, event.settled_at,
                [{"id": str(event.event_id), "at": event.settled_at.isoformat(), "step": "done", "message": ""}],
            )  # fmt: skip


def _told(event: FeatureProgressed) -> dict[str, Any]:
    at = event.progressed_at.isoformat()
    return {"id": str(event.event_id), "at": at, "step": event.step, "message": event.message}
