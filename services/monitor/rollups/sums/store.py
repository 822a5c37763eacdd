"""The two kinds of sums, as SQL: of calls and of requests; from the books, and from sums of shorter steps.

Everything is computed anew from what lies below, never counted up: what is computed twice is the same.
"""

from typing import NamedTuple

from services.monitor.rollups.steps import STEPS, TOKEN_STEPS, Step


class Kind(NamedTuple):
    """key: the columns beside tenant and time by which rows are told apart. sums: of these columns. histograms: counts
    by bucket, as JSON objects. from_books: rows of spans of time ($1 tenants, $2 since, $3 until; $4 BOUNDS) with
    at = since."""

    name: str
    key: tuple[str, ...]
    sums: tuple[str, ...]
    histograms: tuple[str, ...]
    from_books: str

    def table(self, step: Step) -> str:
        return f"monitor.{self.name}_by_{step}"

    @property
    def columns(self) -> str:
        return ", ".join((*self.key, *self.sums, *self.histograms))


# LATERAL with a GROUP BY keeps it a loop over the spans, each of them found by index. A histogram is summed up from
# rows that are told apart by their bucket, too. Where there are two, one reading of the calls makes three grouping sets
# (part 3: sums; 1: by duration; 2: by first chunk). Prices and token counts come from tenants and their endpoints: no
# figure of theirs may make a sum impossible.
_CALLS_FROM_BOOKS = """
SELECT span.tenant_id, span.since AS at, cell.*
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS span (tenant_id, since, until)
CROSS JOIN LATERAL (
    SELECT model, server_address, outcome, error_type, prompt_from, (sum(n) FILTER (WHERE part = 3))::bigint AS calls,
           sum(usd) FILTER (WHERE part = 3) AS usd,
           (sum(input_tokens) FILTER (WHERE part = 3))::bigint AS input_tokens,
           (sum(output_tokens) FILTER (WHERE part = 3))::bigint AS output_tokens,
           (sum(cache_read_tokens) FILTER (WHERE part = 3))::bigint AS cache_read_tokens,
           (sum(cache_write_tokens) FILTER (WHERE part = 3))::bigint AS cache_write_tokens,
           jsonb_object_agg(bucket, n) FILTER (WHERE part = 1 AND bucket IS NOT NULL) AS latency,
           jsonb_object_agg(chunk_bucket, n) FILTER (WHERE part = 2 AND chunk_bucket IS NOT NULL) AS first_chunk
    FROM (
        SELECT model, server_address, outcome, error_type, prompt_from, bucket, chunk_bucket,
               grouping(bucket, chunk_bucket) AS part,
               count(*) AS n, coalesce(sum(least(greatest(cost_usd, 0), 1e9)), 0) AS usd,
               coalesce(sum(greatest(input_tokens, 0)), 0) AS input_tokens,
               coalesce(sum(greatest(output_tokens, 0)), 0) AS output_tokens,
               coalesce(sum(greatest(cache_read_tokens, 0)), 0) AS cache_read_tokens,
               coalesce(sum(greatest(cache_write_tokens, 0)), 0) AS cache_write_tokens
        FROM (
            SELECT model, server_address, outcome, cost_usd, input_tokens, output_tokens, cache_read_tokens,
                   cache_write_tokens,
                   CASE WHEN outcome = 'failed' THEN coalesce(error_type, '') ELSE '' END AS error_type,
                   ({steps})[width_bucket(greatest(coalesce(input_tokens, 0), 0), {steps})] AS prompt_from,
                   CASE WHEN outcome = 'succeeded' THEN width_bucket(duration_s, $4::float8[]) END AS bucket,
                   width_bucket(first_chunk_s, $4::float8[]) AS chunk_bucket
            FROM monitor.attempts
            WHERE tenant_id = span.tenant_id AND ended_at >= span.since AND ended_at < span.until) AS call
        GROUP BY model, server_address, outcome, error_type, prompt_from, GROUPING SETS ((), (bucket), (chunk_bucket))
        ) AS of_part
    GROUP BY 1, 2, 3, 4, 5) AS cell
"""

# A request counts once for the model that served it, and once more for each other one that was called before.
_REQUESTS_FROM_BOOKS = """
SELECT span.tenant_id, span.since AS at, cell.*
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS span (tenant_id, since, until)
CROSS JOIN LATERAL (
    WITH settled AS (
        SELECT inference_id, coalesce(model_served, first_model, model_requested, 'auto') AS model,
               coalesce(server_address, '') AS server_address, settlement, coalesce(error_type, '') AS error_type,
               coalesce(duration_s, 0) AS duration_s, attempts,
               coalesce(settlement = 'completed' AND model_served <> first_model, false) AS is_fallback,
               CASE WHEN settlement = 'completed' THEN width_bucket(duration_s, $4::float8[]) END AS bucket
        FROM monitor.inferences
        WHERE tenant_id = span.tenant_id AND settled_at >= span.since AND settled_at < span.until
          AND settlement IS NOT NULL)
    SELECT model, server_address, settlement, error_type, passed_over, sum(n)::bigint AS requests,
           sum(fallbacks)::bigint AS fallbacks, sum(duration_s) AS duration_s,
           jsonb_object_agg(bucket, n) FILTER (WHERE bucket IS NOT NULL) AS latency
    FROM (
        SELECT model, server_address, settlement, error_type, passed_over, bucket, count(*) AS n,
               count(*) FILTER (WHERE is_fallback) AS fallbacks, sum(duration_s) AS duration_s
        FROM (
            SELECT settled.*, '' AS passed_over FROM settled
            UNION ALL
            SELECT settled.*, other.model FROM settled
            CROSS JOIN LATERAL (
                SELECT DISTINCT call.model FROM monitor.attempts AS call
                WHERE call.inference_id = settled.inference_id AND call.model <> settled.model) AS other
            WHERE settled.attempts > 1) AS counted
        GROUP BY 1, 2, 3, 4, 5, 6) AS of_bucket
    GROUP BY 1, 2, 3, 4, 5) AS cell
"""

CALLS = Kind(
    "calls",
    ("model", "server_address", "outcome", "error_type", "prompt_from"),
    ("calls", "usd", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
    ("latency", "first_chunk"),
    _CALLS_FROM_BOOKS.format(steps=f"ARRAY{list(TOKEN_STEPS)}"),
)
REQUESTS = Kind(
    "requests",
    ("model", "server_address", "settlement", "error_type", "passed_over"),
    ("requests", "fallbacks", "duration_s"),
    ("latency",),
    _REQUESTS_FROM_BOOKS,
)
KINDS = (CALLS, REQUESTS)


_READ = "SELECT {columns} FROM {table} WHERE tenant_id = $8 AND at = ANY(${at}::timestamptz[])"


def delete(kind: Kind, step: Step) -> str:
    """$1 tenants, $2 times: pairs."""
    return f"""
DELETE FROM {kind.table(step)} AS old USING unnest($1::text[], $2::timestamptz[]) AS touched (tenant_id, at)
WHERE old.tenant_id = touched.tenant_id AND old.at = touched.at
"""  # noqa: S608 - only constants are joined


def insert_minutes(kind: Kind) -> str:
    """$1 tenants, $2 since, $3 until, $4 BOUNDS."""
    return f"INSERT INTO {kind.table('minute')} (tenant_id, at, {kind.columns}) {kind.from_books}"


def insert_sums(kind: Kind, step: Step, lower: Step) -> str:
    """One hour or day of some tenants, from the shorter step below it. $1 its beginning, $2 its end, $3 tenants."""
    key = ", ".join(("tenant_id", *kind.key))
    sums = ", ".join(f"sum({name})::{_sql_type(name)} AS {name}" for name in kind.sums)
    histograms = "".join(_histogram_sums(name, key) for name in kind.histograms)
    joined = " ".join(f"LEFT JOIN {name}_sums USING ({key})" for name in kind.histograms)
    return f"""
INSERT INTO {kind.table(step)} (tenant_id, at, {kind.columns})
WITH part AS MATERIALIZED (
         SELECT * FROM {kind.table(lower)} WHERE at >= $1 AND at < $2 AND tenant_id = ANY($3::text[])),
     cell AS (SELECT {key}, {sums} FROM part GROUP BY {key}){histograms}
SELECT tenant_id, $1::timestamptz, {kind.columns} FROM cell {joined}
"""  # noqa: S608


def _histogram_sums(name: str, key: str) -> str:
    return f""",
     {name}_sums AS (
         SELECT {key}, jsonb_object_agg(bucket, n) AS {name}
         FROM (SELECT {key}, bucket, sum(count::bigint) AS n FROM part, jsonb_each_text({name}) AS h (bucket, count)
               GROUP BY {key}, bucket) AS of_bucket
         GROUP BY {key})"""  # noqa: S608


def cells(kind: Kind) -> str:
    """Rows of one tenant that cover a span of time. $1 the tenants, $2 since and $3 until of what is summed up from the
    books, $4 BOUNDS, $5 the minutes, $6 hours and $7 days whose sums are read, $8 the tenant."""
    read = [_READ.format(columns=kind.columns, table=kind.table(step), at=at) for at, step in enumerate(STEPS, 5)]
    fresh = f"SELECT {kind.columns} FROM ({kind.from_books}) AS fresh"  # noqa: S608 - only constants are joined
    return " UNION ALL ".join((fresh, *read))


def _sql_type(column: str) -> str:
    return "float8" if column in ("usd", "duration_s") else "bigint"
