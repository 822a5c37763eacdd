"""All SQL of the history of health, and of the probes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from services.monitor.cursors import Place
from services.monitor.rollups.health import ProbeCall, Probed
from shared.db.pool import Pool
from shared.db.reads import Reads

Row = dict[str, Any]

_COLUMNS = """
event_id, model, changed_at, status, reason, cause, calls, failed, errors, degraded_at, unhealthy_at, min_calls
"""

_CHANGES = f"""
SELECT {_COLUMNS}, coalesce((
    SELECT status FROM monitor.model_health AS before
    WHERE before.tenant_id = $1 AND before.model = health.model AND before.changed_at < health.changed_at
    ORDER BY before.changed_at DESC LIMIT 1), 'healthy') AS was
FROM monitor.model_health AS health
WHERE tenant_id = $1 AND changed_at >= $2 AND changed_at < $3 AND ($4::text IS NULL OR model = $4)
  AND ($5::timestamptz IS NULL OR (changed_at, event_id) < ($5, $6))
ORDER BY changed_at DESC, event_id DESC LIMIT $7
"""  # noqa: S608 - only constants are joined

# From one model to the next, however many changes each of them has.
_STANDING = f"""
WITH RECURSIVE known AS (
    (SELECT model FROM monitor.model_health WHERE tenant_id = $1 AND ($3::text IS NULL OR model = $3)
     ORDER BY model LIMIT 1)
    UNION ALL
    SELECT (SELECT model FROM monitor.model_health
            WHERE tenant_id = $1 AND model > known.model AND $3::text IS NULL ORDER BY model LIMIT 1)
    FROM known WHERE known.model IS NOT NULL)
SELECT last.* FROM known CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM monitor.model_health
    WHERE tenant_id = $1 AND model = known.model AND ($2::timestamptz IS NULL OR changed_at < $2)
    ORDER BY changed_at DESC LIMIT 1) AS last
"""  # noqa: S608

_PROBES = "SELECT model, asked_at, ended_at, error_type FROM monitor.probes WHERE tenant_id = $1"

# Of several monitors one: the row is asked about once more when it is this one's turn to write it.
_IS_DUE = """
CASE WHEN last.is_open THEN last.gives_up_at < now()
     ELSE last.asked_at + {wanted}.every_s * interval '1 second' <= now() OR last.changed_at <> {wanted}.changed_at END
"""
_ASK = f"""
WITH wanted AS (
         SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::int[], $5::float8[], $6::timestamptz[])
             AS wanted (tenant_id, model, inference_id, every_s, lasts_s, changed_at)),
     due AS (
         SELECT wanted.* FROM wanted LEFT JOIN monitor.probes AS last USING (tenant_id, model)
         WHERE last.asked_at IS NULL OR {_IS_DUE.format(wanted="wanted")}
         ORDER BY last.asked_at NULLS FIRST, tenant_id, model LIMIT $7)
INSERT INTO monitor.probes AS last (tenant_id, model, inference_id, every_s, changed_at, asked_at, gives_up_at, is_open)
SELECT tenant_id, model, inference_id, every_s, changed_at, now(), now() + lasts_s * interval '1 second', true FROM due
ON CONFLICT (tenant_id, model) DO UPDATE SET inference_id = excluded.inference_id, every_s = excluded.every_s,
    changed_at = excluded.changed_at, asked_at = excluded.asked_at, gives_up_at = excluded.gives_up_at, is_open = true,
    ended_at = CASE WHEN last.changed_at = excluded.changed_at THEN last.ended_at END
WHERE {_IS_DUE.format(wanted="excluded")}
RETURNING inference_id
"""  # noqa: S608

_SETTLED = """
SELECT probe.inference_id, probe.calls AS before, (
    SELECT coalesce(jsonb_agg(jsonb_build_object('ended_at', ended_at, 'error_type', error_type)
                              ORDER BY attempt_number), '[]')
    FROM monitor.attempts WHERE inference_id = probe.inference_id AND ended_at IS NOT NULL) AS calls
FROM monitor.probes AS probe
JOIN monitor.inferences AS asked ON asked.inference_id = probe.inference_id AND asked.settlement IS NOT NULL
WHERE probe.is_open
"""

_CLOSE = """
UPDATE monitor.probes
SET is_open = false, calls = $4, ended_at = coalesce($2, ended_at),
    error_type = CASE WHEN $2::timestamptz IS NULL THEN error_type ELSE $3 END
WHERE inference_id = $1 AND is_open
"""

_RESULTS = """
SELECT tenant_id, model, changed_at, ended_at, error_type,
       ended_at + every_s * interval '1 second' + (gives_up_at - asked_at) + $1::interval AS counts_until, calls
FROM monitor.probes WHERE ended_at IS NOT NULL
"""


class Asked(NamedTuple):
    """Which changes somebody wants to read. model: None for all. after: the last one that was read."""

    tenant_id: str
    model: str | None
    since: datetime
    until: datetime
    after: Place | None
    most: int


class History(NamedTuple):
    """changes: newest first, with the status before as `was`. before, now: the newest of each model that was there when
    the span began, and that is there. probes: of each model that has been probed lately."""

    changes: list[Row]
    before: list[Row]
    now: list[Row]
    probes: list[Row]


class HealthStore:
    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def history(self, asked: Asked) -> History:
        """As it is at one moment. Raises TallygateError when the tenant asks too much at a time, or for too long."""
        tenant_id, model, since, until, after, most = asked
        after_at, after_id = after or (None, None)
        async with self._reads.snapshot(tenant_id) as connection:
            changes = await connection.fetch(_CHANGES, tenant_id, since, until, model, after_at, after_id, most)
            before = await connection.fetch(_STANDING, tenant_id, since, model)
            standing = await connection.fetch(_STANDING, tenant_id, None, model)
            probes = await connection.fetch(_PROBES, tenant_id)
        return History(*([dict(row) for row in rows] for rows in (changes, before, standing, probes)))


class Wanted(NamedTuple):
    """A model that is to be probed. inference_id: of its next probe. changed_at: since when the model is as it is."""

    tenant_id: str
    model: str
    inference_id: UUID
    every_s: int
    lasts_s: float
    changed_at: datetime


class Ended(NamedTuple):
    """A probe that is settled. before: calls of probes before it, of the last minutes. calls: its own; maybe none."""

    inference_id: UUID
    before: tuple[ProbeCall, ...]
    calls: tuple[ProbeCall, ...]


class Result(NamedTuple):
    """What a probe has shown. ended_at: None when it says nothing of the endpoint; then the one before still counts.
    calls: to be remembered."""

    inference_id: UUID
    ended_at: datetime | None
    error_type: str | None
    calls: tuple[ProbeCall, ...]


class ProbeStore:
    """Times are the database's: monitors' clocks differ."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ask(self, wanted: Sequence[Wanted], most: int) -> set[UUID]:
        """Writes down the probes that are due, at most so many, those that wait longest first; one of a model.
        Returns their inferences, which nobody else gets."""
        columns = [list(column) for column in zip(*wanted, strict=True)]
        return {row[0] for row in await self._pool.fetch(_ASK, *columns, most)}

    async def settled(self) -> list[Ended]:
        """Of those that are not closed yet."""
        rows = await self._pool.fetch(_SETTLED)
        return [Ended(row["inference_id"], _read(row["before"]), _read(row["calls"])) for row in rows]

    async def close(self, results: Sequence[Result]) -> None:
        rows = [(*result[:3], [_written(call) for call in result.calls]) for result in results]
        await self._pool.executemany(_CLOSE, rows)

    async def results(self, further: timedelta) -> list[Probed]:
        """The last one of each model. Each counts until the next one should have ended, and `further`."""
        rows = await self._pool.fetch(_RESULTS, further)
        return [Probed(**dict(row) | {"calls": _read(row["calls"])}) for row in rows]


def _read(calls: Sequence[Row]) -> tuple[ProbeCall, ...]:
    return tuple(ProbeCall(datetime.fromisoformat(call["ended_at"]), call["error_type"]) for call in calls)


def _written(call: ProbeCall) -> Row:
    return {"ended_at": call.ended_at.isoformat(), "error_type": call.error_type}
