"""The kinds of sums, as SQL: of calls and of requests, by key and of all keys; from the books, and from other sums.

Everything is computed anew from what lies below, never counted up: what is computed twice is the same.
"""

from typing import NamedTuple

from services.monitor.booked_apart import NO_SHADOW
from services.monitor.rollups.steps import STEPS, SUMMED_FROM, TOKEN_STEPS, Level, Step

TIMEOUT_S = 60.0  # a statement of a rollup may take longer than one that somebody waits for

_SHORT: tuple[Level, ...] = ("slice", "minute")  # which are summed up from the books


class Kind(NamedTuple):
    """key: the columns beside tenant and time by which rows are told apart. sums: of these columns. histograms: counts
    by bucket. from_books: rows of spans of time ($1 tenants, $2 since, $3 until; $4 BOUNDS) with
    at = since. of_model: which rows are those of the model $10, or (NULL) of all models. minutes: whose minutes (and
    slices) these are the sums of, where this kind has none of its own, and which rows of them."""

    name: str
    key: tuple[str, ...]
    sums: tuple[str, ...]
    histograms: tuple[str, ...]
    from_books: str
    of_model: str
    minutes: tuple[str, str] | None = None

    def table(self, level: Level) -> str:
        name = self.minutes[0] if self.minutes and level in _SHORT else self.name
        return f"monitor.{name}_by_{level}"

    def rows(self, level: Level) -> str:
        """The table, and with WHERE which of its rows."""
        return f"{self.table(level)} WHERE {self.minutes[1] if self.minutes and level in _SHORT else 'true'}"

    @property
    def is_by_key(self) -> bool:
        return "key_id" in self.key

    @property
    def columns(self) -> str:
        return ", ".join((*self.key, *self.sums, *self.histograms))

    def insert_from_books(self, level: Level) -> str:
        """Minutes or slices. $1 tenants, $2 since, $3 until, $4 BOUNDS."""
        return f"""
INSERT INTO {self.table(level)} (tenant_id, at, {self.columns})
SELECT tenant_id, at, {self.columns} FROM ({self.from_books}) AS fresh
"""  # noqa: S608 - only constants are joined

    def insert_sums(self, step: Step) -> str:
        """One minute, hour, day or month of some tenants, from what lies below it. $1 its beginning, $2 its end, $3
        tenants."""
        below: Level = SUMMED_FROM.get(step, "slice")
        key = ", ".join(("tenant_id", *self.key))
        sums = ", ".join(f"sum({name})::{_sql_type(name)} AS {name}" for name in self.sums)
        parts = ", ".join(f"array_agg({name}) FILTER (WHERE {name} IS NOT NULL) AS {name}" for name in self.histograms)
        return f"""
INSERT INTO {self.table(step)} (tenant_id, at, {self.columns})
SELECT tenant_id, $1::timestamptz, {", ".join((*self.key, *self.sums, *map(_merged, self.histograms)))}
FROM (
    SELECT {key}, {sums}, {parts} FROM {self.rows(below)}
    AND at >= $1 AND at < $2 AND tenant_id = ANY($3::text[]) GROUP BY {key}) AS cell
"""  # noqa: S608 - only constants are joined


_CALLS_KEY = ("model", "server_address", "operation_name", "outcome", "error_type", "prompt_from")
_CALLS_SUMS = ("calls", "usd", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
               "reasoning_tokens", "reported", "estimated", "unknown")  # fmt: skip
_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
_STEPS = f"ARRAY{list(TOKEN_STEPS)}"
_REQUESTS_SUMS = ("requests", "fallbacks", "duration_s")
_REQUESTS_KEY = ("model", "server_address", "operation_name", "settlement", "error_type", "passed_over")

# What was booked before usage had a state of its own: then only endpoints told tokens.
_STATE = """
coalesce(usage_state, CASE WHEN coalesce(input_tokens, output_tokens) IS NULL THEN 'unknown' ELSE 'reported' END)"""


# LATERAL with a GROUP BY keeps it a loop over the spans, each of them found by index. A histogram is counted from the
# buckets of a row's calls, gathered in the one reading of them: to group the calls by their bucket too took twice as
# long. Prices and token counts come from tenants and their endpoints: no figure of theirs may make a sum impossible.
def _calls_from_books(names: tuple[str, ...]) -> str:
    key = ", ".join(names)
    return f"""
SELECT span.tenant_id, span.since AS at, cell.*
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS span (tenant_id, since, until)
CROSS JOIN LATERAL (
    SELECT {key}, {", ".join(_CALLS_SUMS)},
           {_counted("buckets")} AS latency, {_counted("first_buckets")} AS first_chunk,
           {_counted("next_buckets")} AS per_chunk
    FROM (
        SELECT {key}, count(*) AS calls, coalesce(sum(least(greatest(cost_usd, 0), 1e9)), 0) AS usd,
               {", ".join(f"coalesce(sum(greatest({name}, 0)), 0) AS {name}" for name in _TOKENS)},
               {", ".join(f"count(*) FILTER (WHERE state = '{name}') AS {name}" for name in _CALLS_SUMS[-3:])},
               {", ".join(_gathered(name) for name in ("bucket", "first_bucket", "next_bucket"))}
        FROM (
            SELECT coalesce(key_id, '') AS key_id, model, server_address,
                   coalesce(operation_name, '') AS operation_name, outcome,
                   CASE WHEN outcome = 'failed' THEN coalesce(error_type, '') ELSE '' END AS error_type,
                   ({_STEPS})[width_bucket(greatest(coalesce(input_tokens, 0), 0), {_STEPS})] AS prompt_from,
                   cost_usd, {", ".join(_TOKENS)}, {_STATE} AS state,
                   CASE WHEN outcome = 'succeeded' THEN width_bucket(duration_s, $4::float8[]) END AS bucket,
                   width_bucket(first_chunk_s, $4::float8[]) AS first_bucket,
                   CASE WHEN chunks > 1 THEN width_bucket((duration_s - first_chunk_s) / (chunks - 1), $4::float8[])
                   END AS next_bucket
            FROM monitor.attempts
            WHERE tenant_id = span.tenant_id AND ended_at >= span.since AND ended_at < span.until
              AND {NO_SHADOW}) AS call
        GROUP BY {key}) AS of_key) AS cell
"""  # noqa: S608 - only constants are joined


_PASSED_OVER = """
            UNION ALL
            SELECT settled.*, other.model FROM settled
            CROSS JOIN LATERAL (
                SELECT DISTINCT call.model FROM monitor.attempts AS call
                WHERE call.inference_id = settled.inference_id AND call.model <> settled.model) AS other
            WHERE settled.attempts > 1"""


# A request counts once for the model that served it, and once more for each other one that was called before, where
# models are told apart.
def _requests_from_books(names: tuple[str, ...]) -> str:
    key = ", ".join(names)
    return f"""
SELECT span.tenant_id, span.since AS at, cell.*
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS span (tenant_id, since, until)
CROSS JOIN LATERAL (
    WITH settled AS (
        SELECT inference_id, coalesce(key_id, '') AS key_id,
               coalesce(model_served, first_model, model_requested, 'auto') AS model,
               coalesce(server_address, '') AS server_address, coalesce(operation_name, '') AS operation_name,
               settlement, coalesce(error_type, '') AS error_type, coalesce(duration_s, 0) AS duration_s, attempts,
               coalesce(settlement = 'completed' AND model_served <> first_model, false) AS is_fallback,
               CASE WHEN settlement = 'completed' THEN width_bucket(duration_s, $4::float8[]) END AS bucket
        FROM monitor.inferences
        WHERE tenant_id = span.tenant_id AND settled_at >= span.since AND settled_at < span.until
          AND settlement IS NOT NULL AND {NO_SHADOW})
    SELECT {key}, requests, fallbacks, duration_s, {_counted("buckets")} AS latency
    FROM (
        SELECT {key}, count(*) AS requests, count(*) FILTER (WHERE is_fallback) AS fallbacks,
               sum(duration_s) AS duration_s, {_gathered("bucket")}
        FROM (
            SELECT settled.*, '' AS passed_over FROM settled{_PASSED_OVER if "passed_over" in names else ""}) AS counted
        GROUP BY {key}) AS of_key) AS cell
"""  # noqa: S608


def _gathered(bucket: str) -> str:
    """Of the rows of a group: the buckets as an array, for `_counted`."""
    return f"array_agg({bucket}) FILTER (WHERE {bucket} IS NOT NULL) AS {bucket}s"


def _counted(buckets: str) -> str:
    """An array of buckets as a histogram; NULL: of none."""
    counted = f"SELECT bucket, count(*) AS n FROM unnest({buckets}) AS bucket GROUP BY bucket"  # noqa: S608
    return f"({_histogram(counted)})"


def _merged(histograms: str) -> str:
    """An array of histograms as one; NULL: of none. A join of rows with their histograms is planned for few rows, as a
    loop over all of them for each."""
    counted = f"""
SELECT bucket, sum(n) AS n FROM ({by_bucket(f"unnest({histograms}) AS one (buckets, upto)", "one")}) AS entry
GROUP BY bucket
"""  # noqa: S608
    return f"({_histogram(counted)}) AS {histograms}"


def _histogram(counted: str) -> str:
    """Of rows (bucket, n)."""
    return f"""
SELECT ROW (array_agg(bucket ORDER BY bucket), array_agg(upto ORDER BY bucket))::monitor.histogram
FROM (SELECT bucket::smallint, sum(n) OVER (ORDER BY bucket)::bigint AS upto FROM ({counted}) AS counted) AS summed
HAVING count(*) > 0
"""  # noqa: S608


def by_bucket(rows: str, histogram: str, *columns: str) -> str:
    """Each entry of the histogram of these rows: these columns of its row, bucket, n. Unnested in place: a join with
    the entries takes twice as long. n is float8, in which counts are exact, too: sums of bigint are numeric, which is
    slow."""
    of_row = "".join(f"{name}, " for name in columns)
    return f"""
SELECT {of_row}bucket, (upto - before)::float8 AS n
FROM (SELECT {of_row}unnest(({histogram}).buckets) AS bucket, unnest(({histogram}).upto) AS upto,
             unnest(0::bigint || ({histogram}).upto) AS before
      FROM {rows}) AS entry
WHERE bucket IS NOT NULL
"""  # noqa: S608 - only constants are joined


_CALLS_OF_MODEL = "($10::text IS NULL OR model = $10)"
# Also the requests that called it, and that another one served in the end.
_REQUESTS_OF_MODEL = "((passed_over = '' AND ($10::text IS NULL OR model = $10)) OR passed_over = $10)"
_NO_MODEL = "$10::text IS NULL AND $11::text IS NULL"  # nor an operation


def _calls(name: str, key: tuple[str, ...]) -> Kind:
    histograms = ("latency", "first_chunk", "per_chunk")
    return Kind(name, key, _CALLS_SUMS, histograms, _calls_from_books(key), _CALLS_OF_MODEL)


def _requests(name: str, key: tuple[str, ...]) -> Kind:
    return Kind(name, key, _REQUESTS_SUMS, ("latency",), _requests_from_books(key), _REQUESTS_OF_MODEL)


CALLS, REQUESTS = _calls("calls", _CALLS_KEY), _requests("requests", _REQUESTS_KEY)
KEY_CALLS = _calls("key_calls", ("key_id", *_CALLS_KEY))
KEY_REQUESTS = _requests("key_requests", ("key_id", *_REQUESTS_KEY))
# By key and by nothing else: a month by key is read from a fiftieth of the rows where keys use many models.
CALLS_OF_KEYS = _calls("calls_of_keys", ("key_id", "outcome"))._replace(
    of_model=_NO_MODEL, minutes=(KEY_CALLS.name, "true")
)
REQUESTS_OF_KEYS = _requests("requests_of_keys", ("key_id", "settlement"))._replace(
    of_model=_NO_MODEL, minutes=(KEY_REQUESTS.name, "passed_over = ''")
)
# Of everything together: what a year's percentiles are read from.
CALLS_IN_ALL = _calls("calls_in_all", ("outcome",))._replace(of_model=_NO_MODEL, minutes=(CALLS.name, "true"))
REQUESTS_IN_ALL = _requests("requests_in_all", ("settlement",))._replace(
    of_model=_NO_MODEL, minutes=(REQUESTS.name, "passed_over = ''")
)
OF_ALL_KEYS, BY_KEY = (CALLS, REQUESTS), (KEY_CALLS, KEY_REQUESTS)
TOGETHER = (CALLS_OF_KEYS, REQUESTS_OF_KEYS, CALLS_IN_ALL, REQUESTS_IN_ALL)  # of hours and days only


def delete(table: str) -> str:
    """$1 tenants, $2 times: pairs."""
    return f"DELETE FROM {table} AS old USING {at_pairs('old')}"  # noqa: S608 - only constants are joined


def at_pairs(rows: str) -> str:
    """To be joined with rows that are those of the pairs $1 tenants, $2 times. The first and the last of the times say
    which days are looked into."""
    return f"""
unnest($1::text[], $2::timestamptz[]) AS touched (tenant_id, at)
WHERE {rows}.tenant_id = touched.tenant_id AND {rows}.at = touched.at
  AND {rows}.at >= (SELECT min(at) FROM unnest($2::timestamptz[]) AS at)
  AND {rows}.at <= (SELECT max(at) FROM unnest($2::timestamptz[]) AS at)
"""  # noqa: S608 - only constants are joined


def delete_step(table: str) -> str:
    """Those of one step. $1 tenants, $2 its beginning. By index, however many there are: of pairs the planner
    reads the whole table."""
    return f"DELETE FROM {table} WHERE at = $2 AND tenant_id = ANY($1::text[])"  # noqa: S608


def cells(kind: Kind, keys: str | None = None) -> str:
    """Rows of one tenant that cover a span of time. $1 the tenants, $2 since and $3 until of what is summed up from the
    books, $4 BOUNDS, $5 the tenant, $6 the minutes, $7 hours, $8 days and $9 months whose sums are read; $10 a model,
    $11 an operation, or NULL for all of them: only a kind by model and operation can be asked for one. keys: the
    parameter that names the keys that a kind by key is asked for; where there is none $12 is NULL. $13 slices whose
    sums are read."""
    return f"{up_to_minutes(kind, keys)} UNION ALL {beyond_minutes(kind, keys)}"


def up_to_minutes(kind: Kind, keys: str | None = None) -> str:
    """Those of `cells` that are from the books, of slices and of minutes."""
    fresh = f"SELECT at, {kind.columns} FROM ({kind.from_books}) AS fresh WHERE {_asked_for(kind, keys)}"  # noqa: S608
    return f"{fresh} UNION ALL {_sums_of(kind, 'slice', keys)} UNION ALL {_sums_of(kind, 'minute', keys)}"


def beyond_minutes(kind: Kind, keys: str | None = None) -> str:
    """The others of `cells`."""
    return " UNION ALL ".join(_sums_of(kind, step, keys) for step in SUMMED_FROM)


def _sums_of(kind: Kind, level: Level, keys: str | None) -> str:
    number = 13 if level == "slice" else 6 + STEPS.index(level)
    asked = f"{at_any(level, number)} AND {_asked_for(kind, keys)}"
    return f"SELECT at, {kind.columns} FROM {kind.rows(level)} AND tenant_id = $5 AND {asked}"  # noqa: S608


def at_any(level: Level, number: int) -> str:
    """Rows of these beginnings, which are the parameter of that number, in their order. Minutes lie in a partition for
    each day: the first and the last of them say which ones are looked into."""
    times = f"${number}::timestamptz[]"
    found = f"at = ANY({times})"
    if level == "minute":
        found += f" AND at >= ({times})[1] AND at <= ({times})[cardinality({times})]"
    return found


# A plan is made once for any parameters: only where keys are always asked for, they are searched for in the index. With
# "all of them" as a choice the rows of all would be read.
def _asked_for(kind: Kind, keys: str | None) -> str:
    only = kind.of_model
    if "operation_name" in kind.key:
        only += " AND ($11::text IS NULL OR operation_name = $11)"
    return only + (f" AND key_id = ANY({keys}::text[])" if keys else " AND $12::text[] IS NULL")


def _sql_type(column: str) -> str:
    return "float8" if column in ("usd", "duration_s") else "bigint"
