"""Sessions as SQL: what the requests of each came to, by the time of their settlement; from the books, and from sums of
shorter steps.

As all sums they are computed anew from what lies below. A session is the caller's own word, and there may be one for
every request: of each step the dearest have rows of their own, and the others one together (session '').
"""

from services.monitor.rollups.largest.store import Largest

_KEPT = 100

_SUMS = ("requests", "failures", "calls", "usd", "input_tokens", "output_tokens")
_COLUMNS = f"session, {', '.join(_SUMS)}, first_at, last_at"
_OF_CALLS = ("calls", "usd", "input_tokens", "output_tokens")

# Prices and token counts come from tenants and their endpoints: no figure of theirs may make a sum impossible.
_FROM_BOOKS = f"""
SELECT span.tenant_id, span.since AS at, part.*
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS span (tenant_id, since, until)
CROSS JOIN LATERAL (
    SELECT session, count(*) AS requests,
           count(*) FILTER (WHERE settlement NOT IN ('completed', 'rejected')) AS failures,
           {", ".join(f"sum(of_one.{name}) AS {name}" for name in _OF_CALLS)},
           min(settled_at) AS first_at, max(settled_at) AS last_at
    FROM monitor.inferences AS inference
    CROSS JOIN LATERAL (
        SELECT count(*) AS calls, coalesce(sum(least(greatest(cost_usd, 0), 1e9)), 0) AS usd,
               coalesce(sum(greatest(input_tokens, 0)), 0) AS input_tokens,
               coalesce(sum(greatest(output_tokens, 0)), 0) AS output_tokens
        FROM monitor.attempts AS call
        WHERE call.inference_id = inference.inference_id AND outcome IS NOT NULL) AS of_one
    WHERE tenant_id = span.tenant_id AND settled_at >= span.since AND settled_at < span.until
      AND settlement IS NOT NULL AND session IS NOT NULL
    GROUP BY session) AS part
"""  # noqa: S608 - only constants are joined


def _together(parts: str) -> str:
    """One row for each session of the parts, whose columns are these of a row."""
    sums = ", ".join(f"sum({name})::{'float8' if name == 'usd' else 'bigint'} AS {name}" for name in _SUMS)
    rows = f"tenant_id, at, session, {sums}, min(first_at) AS first_at, max(last_at) AS last_at"
    return f"""
WITH part AS MATERIALIZED ({parts}),
     cell AS (SELECT {rows} FROM part GROUP BY tenant_id, at, session),
     ranked AS (
         SELECT *, row_number() OVER (
             PARTITION BY tenant_id, at
             ORDER BY session = '', usd DESC, input_tokens + output_tokens DESC, session) AS rank
         FROM cell),
     kept AS (
         SELECT tenant_id, at, CASE WHEN rank <= {_KEPT} THEN session ELSE '' END AS session, {", ".join(_SUMS)},
                first_at, last_at
         FROM ranked)
SELECT {rows} FROM kept GROUP BY tenant_id, at, session
"""  # noqa: S608


SESSIONS = Largest("sessions", _COLUMNS, _FROM_BOOKS, _together)
