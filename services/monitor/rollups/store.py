"""The SQL of the rollups: sums of the books by minute and day, computed anew, never counted up."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any, NamedTuple

from services.monitor.rollups.latency import BOUNDS
from shared.db.pool import Connection, Pool
from shared.events import ModelHealthChanged

Row = dict[str, Any]

_LOCK = 0x0A12  # any number; all monitors must use the same one, and recovery another
_TIMEOUT_S = 60.0  # a statement of a rollup may take longer than one that somebody waits for
# A monitor that is frozen in its turn must not keep the others waiting: longer than an ack may take, and then given up.
# Plans are made for the tables as they are now, not for the empty ones of the first turn. A busy minute fits in memory.
_SETTINGS = """
SET LOCAL idle_in_transaction_session_timeout = '30s'; SET LOCAL plan_cache_mode = force_custom_plan;
SET LOCAL work_mem = '32MB'
"""

_TAKE = """
DELETE FROM monitor.touched_minutes
WHERE touch <= (SELECT max(touch) FROM (SELECT touch FROM monitor.touched_minutes ORDER BY touch LIMIT $1) AS oldest)
RETURNING tenant_id, minute
"""

# The calls of each touched minute, found by index; LATERAL with a GROUP BY keeps it a loop over the minutes.
# Prices and token counts come from tenants and their endpoints: no figure of theirs may make a sum impossible.
_MINUTES = """
INSERT INTO monitor.model_minutes (tenant_id, minute, model, calls, failed, errors, latency, usd, input_tokens,
                                   output_tokens)
SELECT touched.tenant_id, touched.minute, cell.model, sum(n),
       coalesce(sum(n) FILTER (WHERE outcome = 'failed'), 0),
       coalesce(jsonb_object_agg(error_type, n) FILTER (WHERE error_type IS NOT NULL), '{}'),
       coalesce(jsonb_object_agg(bucket, n) FILTER (WHERE bucket IS NOT NULL), '{}'),
       coalesce(sum(usd), 0), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0)
FROM unnest($1::text[], $2::timestamptz[]) AS touched (tenant_id, minute)
CROSS JOIN LATERAL (
    SELECT model, outcome, CASE WHEN outcome = 'failed' THEN attempt.error_type END AS error_type,
           CASE WHEN outcome = 'succeeded' THEN width_bucket(duration_s, $3::float8[]) END AS bucket,
           count(*) AS n, sum(least(greatest(cost_usd, 0), 1e9)) AS usd,
           sum(greatest(attempt.input_tokens, 0)) AS input_tokens,
           sum(greatest(attempt.output_tokens, 0)) AS output_tokens
    FROM monitor.attempts AS attempt
    WHERE tenant_id = touched.tenant_id AND ended_at >= touched.minute
      AND ended_at < touched.minute + interval '1 minute'
    GROUP BY 1, 2, 3, 4) AS cell
GROUP BY 1, 2, 3
ON CONFLICT (tenant_id, minute, model) DO UPDATE SET
    calls = excluded.calls, failed = excluded.failed, errors = excluded.errors, latency = excluded.latency,
    usd = excluded.usd, input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens
"""

_DAYS = """
INSERT INTO monitor.spend_days AS old (tenant_id, day, usd, tokens)
SELECT touched.tenant_id, touched.day, spent.usd, spent.tokens
FROM unnest($1::text[], $2::date[]) AS touched (tenant_id, day)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(usd), 0) AS usd, coalesce(sum(input_tokens + output_tokens), 0) AS tokens
    FROM monitor.model_minutes
    WHERE tenant_id = touched.tenant_id AND minute >= touched.day::timestamp AT TIME ZONE 'UTC'
      AND minute < (touched.day + 1)::timestamp AT TIME ZONE 'UTC') AS spent
ON CONFLICT (tenant_id, day) DO UPDATE SET usd = excluded.usd, tokens = excluded.tokens
WHERE (old.usd, old.tokens) IS DISTINCT FROM (excluded.usd, excluded.tokens)
RETURNING tenant_id
"""

_SPENT = """
SELECT tenant_id, sum(usd) AS usd_month, sum(tokens)::bigint AS tokens_month,
       coalesce(sum(usd) FILTER (WHERE day = $2), 0) AS usd_day,
       coalesce(sum(tokens) FILTER (WHERE day = $2), 0)::bigint AS tokens_day
FROM monitor.spend_days
WHERE tenant_id = ANY($1) AND day >= date_trunc('month', $2::date::timestamp)::date AND day <= $2
GROUP BY 1
"""

_RECENT = """
SELECT tenant_id, model, errors, latency FROM monitor.model_minutes WHERE minute >= $1 AND minute <= $2
"""

_CHANGED = """
INSERT INTO monitor.model_health (tenant_id, model, changed_at, status, reason)
SELECT $1, $2, $3, $4, $5
WHERE $4 <> coalesce((SELECT status FROM monitor.model_health WHERE tenant_id = $1 AND model = $2
                      ORDER BY changed_at DESC LIMIT 1), 'healthy')
ON CONFLICT DO NOTHING
"""


class Touched(NamedTuple):
    """A minute of a tenant in which a booked call ended."""

    tenant_id: str
    minute: datetime


class Turn:
    """What one monitor may do while it is its turn, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def take_touched(self, most: int) -> tuple[int, set[Touched]]:
        """Deletes at most `most` touches. Returns how many, and of which minutes. They are back if the turn fails."""
        rows = await self._connection.fetch(_TAKE, most)
        return len(rows), {Touched(*row) for row in rows}

    async def sum_up_minutes(self, touched: Collection[Touched]) -> None:
        """The statement begins after the touches were read, so it sees every call that was booked with them."""
        tenants, minutes = [touch.tenant_id for touch in touched], [touch.minute for touch in touched]
        await self._connection.execute(_MINUTES, tenants, minutes, list(BOUNDS), timeout=_TIMEOUT_S)

    async def sum_up_days(self, days: Collection[tuple[str, date]]) -> set[str]:
        """Sums of days, from those of minutes. Returns the tenants whose sums have changed."""
        tenants, numbers = [tenant for tenant, _ in days], [day for _, day in days]
        rows = await self._connection.fetch(_DAYS, tenants, numbers, timeout=_TIMEOUT_S)
        return {row[0] for row in rows}

    async def spent(self, tenants: Collection[str], day: date) -> list[Row]:
        """What these tenants have spent on that day, and in its month until then: USD and tokens."""
        return [dict(row) for row in await self._connection.fetch(_SPENT, list(tenants), day)]

    async def minutes(self, since: datetime, until: datetime) -> list[Row]:
        rows = await self._connection.fetch(_RECENT, since, until, timeout=_TIMEOUT_S)
        return [dict(row) for row in rows]

    async def keep_history(self, words: Sequence[ModelHealthChanged]) -> None:
        """A row for each change of status; events that repeat the last status leave none."""
        rows = [(word.tenant_id, word.model, word.changed_at, word.status, word.reason) for word in words]
        await self._connection.executemany(_CHANGED, rows)


class RollupStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn | None]:
        """One monitor at a time, or older sums could be written over newer ones. None while another has its turn."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SETTINGS)
            mine = await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK)
            yield Turn(connection) if mine else None
