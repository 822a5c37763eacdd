"""Errors by type, model, endpoint and cause, as SQL: from the books, and from sums of shorter steps.

As all sums they are computed anew from what lies below. However many causes there are, and however many keys, a row is
small and there are few: of one type, model and endpoint the most frequent causes have rows of their own, and the others
one together (cause ''); of one cause the keys that met it most are told.
"""

from services.monitor.booked_apart import NO_SHADOW
from services.monitor.rollups.largest.store import Largest

KEYS_TOLD = 10
SAMPLES = 3
_CAUSES = 20
_KEYS_KEPT = KEYS_TOLD + 1  # one more tells that there are more

_COLUMNS = "error_type, model, server_address, cause, n, first_at, last_at, samples, keys"

# Calls that failed, and inferences that ended without a call; each is the range of an index.
_FROM_BOOKS = f"""
SELECT span.tenant_id, span.since AS at, part.*
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS span (tenant_id, since, until)
CROSS JOIN LATERAL (
    SELECT error_type, model, server_address, cause, count(*) AS n, min(ended_at) AS first_at, max(ended_at) AS last_at,
           (array_agg(inference_id ORDER BY ended_at DESC))[1:{SAMPLES}] AS samples,
           jsonb_build_object(key_id, count(*)) AS keys
    FROM (
        SELECT coalesce(error_type, '') AS error_type, model, server_address, coalesce(cause, '') AS cause,
               coalesce(key_id, '') AS key_id, ended_at, inference_id
        FROM monitor.attempts
        WHERE tenant_id = span.tenant_id AND ended_at >= span.since AND ended_at < span.until AND outcome = 'failed'
          AND {NO_SHADOW}
        UNION ALL
        SELECT coalesce(error_type, settlement), coalesce(model_requested, 'auto'), coalesce(server_address, ''),
               coalesce(cause, ''), coalesce(key_id, ''), settled_at, inference_id
        FROM monitor.inferences
        WHERE tenant_id = span.tenant_id AND settled_at >= span.since AND settled_at < span.until
          AND settlement <> 'completed' AND coalesce(attempts, 0) = 0 AND {NO_SHADOW}) AS failed
    GROUP BY error_type, model, server_address, cause, key_id) AS part
"""  # noqa: S608 - only constants are joined


def _together(parts: str) -> str:
    """One row for each cause of the parts, whose columns are these of a row. Nothing is joined: it would be planned for
    few rows, as a loop over all of them for each."""
    place = "tenant_id, at, error_type, model, server_address"
    return f"""
WITH counted AS (SELECT *, sum(n) OVER (PARTITION BY {place}, cause) AS of_cause FROM ({parts}) AS part),
     ranked AS (
         SELECT *, dense_rank() OVER (PARTITION BY {place} ORDER BY cause = '', of_cause DESC, cause) AS rank
         FROM counted),
     named AS (SELECT *, CASE WHEN rank <= {_CAUSES} THEN cause ELSE '' END AS name FROM ranked),
     cell AS (
         SELECT {place}, name AS cause, sum(n)::bigint AS n, min(first_at) AS first_at, max(last_at) AS last_at,
                array_agg(ROW (samples, keys)) AS told
         FROM named GROUP BY {place}, name)
SELECT {place}, cause, n, first_at, last_at,
       ARRAY(SELECT DISTINCT id FROM unnest(told) AS t (samples uuid[], keys jsonb), unnest(samples) AS id
             ORDER BY id DESC LIMIT {SAMPLES}) AS samples,
       (SELECT jsonb_object_agg(key_id, times)
        FROM (SELECT key_id, sum(times::bigint) AS times
              FROM unnest(told) AS t (samples uuid[], keys jsonb), jsonb_each_text(keys) AS k (key_id, times)
              GROUP BY key_id ORDER BY sum(times::bigint) DESC, key_id LIMIT {_KEYS_KEPT}) AS most) AS keys
FROM cell
"""  # noqa: S608


ERRORS = Largest(
    "errors", _COLUMNS, _FROM_BOOKS, _together,
    "($9::text IS NULL OR model = $9) AND ($10::text IS NULL OR error_type = $10)",
)  # fmt: skip
