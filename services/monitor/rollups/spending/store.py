"""The SQL of what was spent: by tenants in days, by copies for models on trial, and by capped sessions."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any

from services.monitor.rollups.slices.store import Part, columns
from services.monitor.rollups.sums.store import TIMEOUT_S
from shared.db.pool import Connection
from shared.events.inference import SHADOW
from shared.registry.store import capped_sessions, with_shadow_budget

Row = dict[str, Any]

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


class Spending:
    """In the transaction of a turn."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def sum_up_days(self, days: Collection[tuple[str, date]]) -> set[str]:
        """What was spent in these days. Returns the tenants whose sums have changed."""
        tenants, numbers = [tenant for tenant, _ in days], [day for _, day in days]
        rows = await self._connection.fetch(_DAYS, tenants, numbers, timeout=TIMEOUT_S)
        return {row[0] for row in rows}

    async def sum_up_shadows(self, minutes: Collection[Part]) -> set[str]:
        """What copies have cost in these minutes, of tenants that have a budget for them. Returns those for whom it has
        changed."""
        budgeted = set(await with_shadow_budget(self._connection, list({minute.tenant_id for minute in minutes})))
        of_these = [minute for minute in minutes if minute.tenant_id in budgeted]
        if not of_these:
            return set()
        rows = await self._connection.fetch(_SHADOW_MINUTES, *columns(of_these), timeout=TIMEOUT_S)
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
            _CAPPED_MINUTES, *columns(of_these), *_columns(capped, 3), timeout=TIMEOUT_S
        )
        sessions = {tuple(row) for row in changed}
        rows = await self._connection.fetch(_USED, *_columns(sessions, 3), timeout=TIMEOUT_S)
        return [dict(row) for row in rows]


def _columns(rows: Iterable[tuple[Any, ...]], columns: int) -> list[list[Any]]:
    listed = list(rows)
    return [[row[number] for row in listed] for number in range(columns)]
