"""The SQL of the rollups: sums of the books by minute, hour, day and month, and what is read from them."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any, Literal

from services.monitor.rollups.error_sums.store import ERRORS
from services.monitor.rollups.largest.store import Largest
from services.monitor.rollups.latency import BOUNDS
from services.monitor.rollups.session_sums.store import SESSIONS
from services.monitor.rollups.slices.store import (
    BUSY,
    SLICED,
    Part,
    begin_slicing,
    columns,
    end_slicing,
    sliced_among,
)
from services.monitor.rollups.steps import MINUTE, Step, following
from services.monitor.rollups.sums.store import (
    BY_KEY,
    OF_ALL_KEYS,
    TOGETHER,
    Kind,
    by_bucket,
    delete,
    delete_step,
)
from services.monitor.slices import SLICE
from shared.db.pool import Connection, Pool
from shared.events import ModelHealthChanged
from shared.events.inference import SHADOW
from shared.registry.store import capped_sessions, with_shadow_budget

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
DELETE FROM monitor.touched_slices
WHERE touch <= (SELECT max(touch) FROM (SELECT touch FROM monitor.touched_slices ORDER BY touch LIMIT $1) AS oldest)
RETURNING tenant_id, at, at >= (SELECT gone_before FROM monitor.retention) AS is_kept
"""

# Minutes by key, of errors and of sessions are summed up when they are over. What was spent, and how models are, is
# known sooner.
_TOUCHED: dict[Step, str] = {
    "minute": "touched_key_minutes", "hour": "touched_hours", "day": "touched_days", "month": "touched_months"
}  # fmt: skip
_ABOVE: dict[Step, Step] = {"hour": "day", "day": "month"}

_LARGEST = (ERRORS, SESSIONS)

_TOUCH = """
INSERT INTO monitor.{table} (tenant_id, at)
SELECT DISTINCT tenant_id, date_trunc('{step}', touched.at, 'UTC')
FROM unnest($1::text[], $2::timestamptz[]) AS touched (tenant_id, at)
ON CONFLICT DO NOTHING
"""

# Those that are over. While one runs, its shorter steps are read instead, and it is summed up once. What the sums of a
# minute, hour or day are made of is dropped with the rows of its day; days are kept as long as months.
_IS_KEPT = "at >= (SELECT gone_before FROM monitor.retention)"
_TAKE_OVER = """
WITH gone AS (
    DELETE FROM monitor.{table}
    WHERE (tenant_id, at) IN (
        SELECT tenant_id, at FROM monitor.{table} WHERE at <= $1 ORDER BY at, tenant_id LIMIT $2)
    RETURNING tenant_id, at)
SELECT at, array_agg(tenant_id) FILTER (WHERE {kept}) AS tenants, count(*) AS taken FROM gone GROUP BY at
"""

# Hours that are touched are read by their minutes.
_DAYS = """
INSERT INTO monitor.spend_days AS old (tenant_id, day, usd, tokens)
SELECT touched.tenant_id, touched.day, spent.usd, spent.tokens
FROM unnest($1::text[], $2::date[]) AS touched (tenant_id, day)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(usd), 0) AS usd, coalesce(sum(input_tokens + output_tokens), 0) AS tokens
    FROM (
        SELECT usd, input_tokens, output_tokens FROM monitor.calls_by_hour AS sums
        WHERE at = ANY(ARRAY(SELECT touched.day::timestamp AT TIME ZONE 'UTC' + n * interval '1 hour'
                             FROM generate_series(0, 23) AS n
                       EXCEPT SELECT at FROM monitor.touched_hours WHERE tenant_id = touched.tenant_id))
          AND tenant_id = touched.tenant_id
        UNION ALL
        SELECT usd, input_tokens, output_tokens
        FROM monitor.touched_hours AS hour
        CROSS JOIN generate_series(0, 59) AS n
        JOIN monitor.calls_by_minute AS sums
            ON sums.at = hour.at + n * interval '1 minute' AND sums.tenant_id = hour.tenant_id
        WHERE hour.tenant_id = touched.tenant_id AND hour.at >= touched.day::timestamp AT TIME ZONE 'UTC'
          AND hour.at < (touched.day + 1)::timestamp AT TIME ZONE 'UTC') AS parts) AS spent
ON CONFLICT (tenant_id, day) DO UPDATE SET usd = excluded.usd, tokens = excluded.tokens
WHERE (old.usd, old.tokens) IS DISTINCT FROM (excluded.usd, excluded.tokens)
RETURNING tenant_id
"""

_SHADOW_MINUTES = f"""
INSERT INTO monitor.shadow_minutes AS old (tenant_id, at, usd)
SELECT touched.tenant_id, touched.at, sum(least(greatest(cost_usd, 0), 1e9))
FROM unnest($1::text[], $2::timestamptz[]) AS touched (tenant_id, at)
JOIN monitor.attempts AS call
    ON call.tenant_id = touched.tenant_id AND ended_at >= touched.at
    AND ended_at < touched.at + interval '1 minute' AND key_id = '{SHADOW}' AND cost_usd IS NOT NULL
GROUP BY 1, 2
ON CONFLICT (tenant_id, at) DO UPDATE SET usd = excluded.usd WHERE old.usd IS DISTINCT FROM excluded.usd
RETURNING tenant_id
"""  # noqa: S608 - only constants are joined

_SPENT = """
SELECT tenant_id, sum(usd) AS usd_month, sum(tokens)::bigint AS tokens_month,
       coalesce(sum(usd) FILTER (WHERE day = $2), 0) AS usd_day,
       coalesce(sum(tokens) FILTER (WHERE day = $2), 0)::bigint AS tokens_day,
       (SELECT least(coalesce(sum(copies.usd), 0), 1e12) FROM monitor.shadow_minutes AS copies
        WHERE copies.tenant_id = days.tenant_id AND at >= $2::date::timestamp AT TIME ZONE 'UTC'
          AND at < ($2::date + 1)::timestamp AT TIME ZONE 'UTC') AS shadow_usd_day
FROM monitor.spend_days AS days
WHERE tenant_id = ANY($1) AND day >= date_trunc('month', $2::date::timestamp)::date AND day <= $2
GROUP BY 1
"""

# Computed anew as the minute is. What a session used before it was capped does not count. Only calls of requests that
# count are looked up, however many others a minute has.
_CAPPED_MINUTES = """
WITH counted AS MATERIALIZED (
    SELECT capped.*, touched.at, inference.inference_id
    FROM unnest($1::text[], $2::timestamptz[]) AS touched (tenant_id, at)
    JOIN monitor.inferences AS inference
        ON inference.tenant_id = touched.tenant_id AND settled_at >= touched.at
        AND settled_at < touched.at + interval '1 minute' AND settlement IS NOT NULL
    JOIN unnest($3::text[], $4::text[], $5::timestamptz[]) AS capped (tenant_id, session, since)
        ON capped.tenant_id = inference.tenant_id AND capped.session = inference.session
        AND inference.accepted_at >= capped.since)
INSERT INTO monitor.capped_minutes AS old (tenant_id, session, since, at, usd, calls, tokens)
SELECT tenant_id, session, since, at, sum(of_one.usd), sum(of_one.calls), sum(of_one.tokens)
FROM counted CROSS JOIN LATERAL (
    SELECT count(*) AS calls, coalesce(sum(least(greatest(cost_usd, 0), 1e9)), 0) AS usd,
           coalesce(sum(greatest(input_tokens, 0)), 0) + coalesce(sum(greatest(output_tokens, 0)), 0) AS tokens
    FROM monitor.attempts AS call
    WHERE call.inference_id = counted.inference_id AND outcome IS NOT NULL) AS of_one
GROUP BY 1, 2, 3, 4
ON CONFLICT (tenant_id, session, since, at) DO UPDATE SET
    usd = excluded.usd, calls = excluded.calls, tokens = excluded.tokens
WHERE (old.usd, old.calls, old.tokens) IS DISTINCT FROM (excluded.usd, excluded.calls, excluded.tokens)
RETURNING tenant_id, session, since
"""

_USED = """
SELECT tenant_id, session, since, least(sum(usd), 1e12) AS usd, sum(calls)::bigint AS calls,
       sum(tokens)::bigint AS tokens
FROM monitor.capped_minutes JOIN unnest($1::text[], $2::text[], $3::timestamptz[]) AS one (tenant_id, session, since)
    USING (tenant_id, session, since)
GROUP BY 1, 2, 3
"""

_CALLS_OF_MINUTES = "monitor.calls_by_minute WHERE at >= $1 AND at <= $2"
_RECENT = f"""
SELECT tenant_id, model, error_type, sum(calls)::bigint AS calls, NULL::int AS bucket, max(at) AS at
FROM {_CALLS_OF_MINUTES} AND error_type <> '' GROUP BY 1, 2, 3
UNION ALL
SELECT tenant_id, model, '', sum(n)::bigint, bucket::int, max(at)
FROM ({by_bucket(_CALLS_OF_MINUTES, "latency", "tenant_id", "model", "at")}) AS entry GROUP BY 1, 2, bucket
"""  # noqa: S608 - only constants are joined

_CHANGED = """
INSERT INTO monitor.model_health (
    tenant_id, model, changed_at, status, reason, event_id, cause, calls, failed, errors, degraded_at, unhealthy_at,
    min_calls)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
WHERE $4 <> coalesce((SELECT status FROM monitor.model_health WHERE tenant_id = $1 AND model = $2
                      ORDER BY changed_at DESC LIMIT 1), 'healthy')
ON CONFLICT DO NOTHING
"""

_UNWELL = """
SELECT tenant_id, model, status, reason, changed_at FROM monitor.model_health AS last
WHERE status <> 'healthy' AND NOT EXISTS (
    SELECT FROM monitor.model_health
    WHERE tenant_id = last.tenant_id AND model = last.model AND changed_at > last.changed_at)
"""


class Turn:
    """What one monitor may do while it is its turn, in one transaction."""

    def __init__(self, connection: Connection, busy: int) -> None:
        """busy: requests that a minute has when it is sliced."""
        self._connection = connection
        self._busy = busy

    async def take_touched(self, most: int) -> tuple[int, set[Part]]:
        """Deletes at most `most` touches. Returns how many, and of which slices; without those whose rows were dropped
        since, as their sums would be those of nothing. They are back if the turn fails."""
        rows = await self._connection.fetch(_TAKE, most)
        return len(rows), {Part(row["tenant_id"], row["at"]) for row in rows if row["is_kept"]}

    async def sum_up_minutes(self, touched: Collection[Part], over: datetime) -> None:
        """Of touched slices. The statements begin after the touches were read, so they see every call that was booked
        with them. over: minutes that began by then do not run any more."""
        minutes = {touch.minute for touch in touched}
        sliced = await sliced_among(self._connection, minutes)
        await self._sum_up_books(OF_ALL_KEYS, "minute", minutes - sliced)
        await self._sum_up_books(SLICED, "slice", {touch for touch in touched if touch.minute in sliced})
        await self._sum_up_slices(OF_ALL_KEYS, sliced)
        running = {minute for minute in minutes - sliced if minute.at > over}
        await self._sum_up_books(SLICED, "slice", await begin_slicing(self._connection, running, self._busy))
        await self._touch("minute", *columns(minutes))
        await self._touch("hour", *columns(minutes))

    async def sum_up(self, step: Step, begun_before: datetime, most: int) -> int:
        """Hours, days or months of tenants that were touched and are over. Returns how many were taken."""
        taken, over = await self._take_over(step, begun_before, most)
        for at, tenants in over:
            for sums in (*OF_ALL_KEYS, *BY_KEY, *TOGETHER, *_LARGEST):
                await self._sum_up_one(sums, step, at, tenants)
            if step in _ABOVE:
                await self._touch(_ABOVE[step], tenants, [at] * len(tenants))
        return taken

    async def sum_up_by_key(self, begun_before: datetime, most: int) -> int:
        """Minutes of tenants that were touched and are over: by key, their errors and their sessions. Returns how many
        were taken."""
        taken, over = await self._take_over("minute", begun_before, most)
        minutes = {Part(tenant, at) for at, tenants in over for tenant in tenants}
        if minutes:
            sliced = await sliced_among(self._connection, minutes)
            await self._sum_up_books(BY_KEY, "minute", minutes - sliced)
            await self._sum_up_slices(BY_KEY, sliced)
            tenants, since, until = _spans(minutes, MINUTE)
            for sums in _LARGEST:
                await self._execute(delete(sums.table("minute")), tenants, since)
                await self._execute(sums.insert_minutes(), tenants, since, until)
            await self._touch("hour", tenants, since)
        await end_slicing(self._connection, begun_before)
        return taken

    async def _take_over(
        self, step: Step, begun_before: datetime, most: int
    ) -> tuple[int, list[tuple[datetime, list[str]]]]:
        """How many steps of tenants were taken; the beginnings of those that are kept, and the tenants of each."""
        kept = "true" if step == "month" else _IS_KEPT
        rows = await self._connection.fetch(_TAKE_OVER.format(table=_TOUCHED[step], kept=kept), begun_before, most)
        kept_ones = [(row["at"], row["tenants"]) for row in rows if row["tenants"]]
        return sum(row["taken"] for row in rows), kept_ones

    async def _sum_up_books(
        self, kinds: Iterable[Kind], level: Literal["slice", "minute"], parts: Collection[Part]
    ) -> None:
        if not parts:
            return
        tenants, since, until = _spans(parts, SLICE if level == "slice" else MINUTE)
        for kind in kinds:
            await self._execute(delete(kind.table(level)), tenants, since)
            await self._execute(kind.insert_from_books(level), tenants, since, until, BOUNDS)

    async def _sum_up_slices(self, kinds: Iterable[Kind], minutes: Collection[Part]) -> None:
        """Minutes that are sliced: one or two at a time, of some tenants."""
        for at in {minute.at for minute in minutes}:
            tenants = [minute.tenant_id for minute in minutes if minute.at == at]
            for kind in kinds:
                await self._sum_up_one(kind, "minute", at, tenants)

    async def _sum_up_one(self, sums: Kind | Largest, step: Step, at: datetime, tenants: Sequence[str]) -> None:
        await self._execute(delete_step(sums.table(step)), tenants, at)
        await self._execute(sums.insert_sums(step), at, following(at, step), tenants)

    async def _touch(self, step: Step, tenants: Sequence[str], times: Sequence[datetime]) -> None:
        await self._execute(_TOUCH.format(step=step, table=_TOUCHED[step]), tenants, times)

    async def sum_up_days(self, days: Collection[tuple[str, date]]) -> set[str]:
        """What was spent in these days. Returns the tenants whose sums have changed."""
        tenants, numbers = [tenant for tenant, _ in days], [day for _, day in days]
        rows = await self._connection.fetch(_DAYS, tenants, numbers, timeout=_TIMEOUT_S)
        return {row[0] for row in rows}

    async def sum_up_shadows(self, minutes: Collection[Part]) -> set[str]:
        """What copies have cost in these minutes, of tenants that have a budget for them. Returns those for whom it has
        changed."""
        budgeted = set(await with_shadow_budget(self._connection, list({minute.tenant_id for minute in minutes})))
        of_these = [minute for minute in minutes if minute.tenant_id in budgeted]
        if not of_these:
            return set()
        rows = await self._connection.fetch(_SHADOW_MINUTES, *columns(of_these), timeout=_TIMEOUT_S)
        return {row[0] for row in rows}

    async def spent(self, tenants: Collection[str], day: date) -> list[Row]:
        """What these tenants have spent on that day, and in its month until then: USD and tokens."""
        return [dict(row) for row in await self._connection.fetch(_SPENT, list(tenants), day)]

    async def used_by_sessions(self, minutes: Collection[Part], now: datetime) -> list[Row]:
        """What capped sessions have used in all, of those for which these minutes have changed it. The caps are read
        after the minutes were touched: who was capped before a request came finds it counted."""
        capped = await capped_sessions(self._connection, list({minute.tenant_id for minute in minutes}), now)
        if not capped:
            return []
        of_capped = {cap.tenant_id for cap in capped}
        of_these = [minute for minute in minutes if minute.tenant_id in of_capped]
        changed = await self._connection.fetch(
            _CAPPED_MINUTES, *columns(of_these), *_columns(capped, 3), timeout=_TIMEOUT_S
        )
        sessions = {tuple(row) for row in changed}
        rows = await self._connection.fetch(_USED, *_columns(sessions, 3), timeout=_TIMEOUT_S)
        return [dict(row) for row in rows]

    async def minutes(self, since: datetime, until: datetime) -> list[Row]:
        """Calls that failed, by error type, and those that succeeded, by bucket of their duration."""
        rows = await self._connection.fetch(_RECENT, since, until, timeout=_TIMEOUT_S)
        return [dict(row) for row in rows]

    async def _execute(self, statement: str, *values: object) -> None:
        await self._connection.execute(statement, *values, timeout=_TIMEOUT_S)

    async def keep_history(self, words: Sequence[ModelHealthChanged]) -> None:
        """A row for each change of status; events that repeat the last status leave none."""
        await self._connection.executemany(_CHANGED, [_kept(word) for word in words])

    async def unwell(self) -> list[ModelHealthChanged]:
        """What the history says of models that were not healthy when something was last said of them."""
        rows = await self._connection.fetch(_UNWELL, timeout=_TIMEOUT_S)
        return [ModelHealthChanged(**dict(row)) for row in rows]


def _spans(parts: Collection[Part], length: timedelta) -> tuple[list[str], list[datetime], list[datetime]]:
    """Tenants, since and until."""
    tenants, since = columns(parts)
    return tenants, since, [at + length for at in since]


def _columns(rows: Iterable[tuple[Any, ...]], columns: int) -> list[list[Any]]:
    listed = list(rows)
    return [[row[number] for row in listed] for number in range(columns)]


def _kept(word: ModelHealthChanged) -> tuple[Any, ...]:
    by = word.thresholds
    judged_by = (None, None, None) if by is None else (by.degraded_at, by.unhealthy_at, by.min_calls)
    counted = (word.event_id, word.cause, word.calls, word.failed, word.errors_by_type)
    return (word.tenant_id, word.model, word.changed_at, word.status, word.reason, *counted, *judged_by)


class RollupStore:
    def __init__(self, pool: Pool, busy: int = BUSY) -> None:
        """busy: requests that a minute has when it is sliced."""
        self._pool = pool
        self._busy = busy

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn | None]:
        """One monitor at a time, or older sums could be written over newer ones. None while another has its turn."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SETTINGS)
            mine = await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK)
            yield Turn(connection, self._busy) if mine else None
