"""The SQL that fills books with a history, as if it had been booked over thirty days."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from uuid import UUID

from services.monitor.retention.days import DAYS_AHEAD, midnight, partition_name
from services.monitor.retention.store import SUMS, TABLES, RetentionStore
from services.monitor.rollups.error_sums.store import ERRORS
from services.monitor.rollups.latency import BOUNDS
from services.monitor.rollups.session_sums.store import SESSIONS
from services.monitor.rollups.steps import MINUTE
from services.monitor.rollups.sums.store import BY_KEY, OF_ALL_KEYS
from shared.db.pool import Pool
from shared.events import utc_now

BUSY = timedelta(hours=8)  # of a day
TENANTS = 6  # the first of them has half of all inferences
_MODELS = 5  # of each tenant
_KEYS = 50  # of each tenant
_SESSIONS = 2000  # of each tenant, which half of its inferences name
_TAGGED = 20  # values of a tag, which all of them have
_TIMEOUT_S = 600.0

# Each fifth to twentieth inference has a failed call: retried, passed to another model, or its end.
# One in thirty fails, one in twenty is served by another model after a first call that failed.
# Rows are written in the order of their times, as they are booked.
_DAY = """
CREATE TEMP TABLE day AS
SELECT overlay(overlay(md5(random()::text) PLACING lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
                       FROM 1) PLACING '7' FROM 13)::uuid AS inference_id,
       'tenant-' || (CASE WHEN tenant < 0.5 THEN 0 ELSE 1 + floor(random() * ({tenants} - 1)) END)::int AS tenant_id,
       'custom:model-' || (floor(random() * {models}))::int AS model,
       'key-' || (floor(random() * {keys}))::int AS key_id, at,
       CASE WHEN random() < 0.5 THEN 'session-' || (floor(random() * {sessions}))::int END AS session,
       jsonb_build_object('team', 'team-' || (floor(random() * {tagged}))::int) AS tags,
       0.05 * exp(3 * random() * random()) AS duration_s,
       luck < 0.03 AS is_failed, luck BETWEEN 0.03 AND 0.08 AS is_fallback,
       (ARRAY['server_error', 'rate_limited', 'read_timeout', 'overloaded'])[1 + floor(random() * 4)::int] AS error_type
FROM (SELECT $1::timestamptz + random() * ($2::timestamptz - $1::timestamptz) AS at, random() AS luck,
             random() AS tenant
      FROM generate_series(1, $3::int)) AS accepted
ORDER BY at
"""

_INFERENCES = """
INSERT INTO monitor.inferences (inference_id, tenant_id, accepted_at, deadline_at, model_requested, candidates,
    router_id, last_start_at, request_partition, request_offset, delivery, settlement, settlement_event_id, settled_at,
    duration_s, first_model, model_served, server_address, attempts, error_type, error, reported_by, operation_name,
    key_id, cause, session, tags)
SELECT inference_id, tenant_id, at, at + interval '2 minutes', model,
       jsonb_build_array(jsonb_build_object('model', model, 'reason', 'named by the request', 'chosen', true)),
       'router-host-1-0a1b2c3d', at, 3, 42, 1, CASE WHEN is_failed THEN 'failed' ELSE 'completed' END,
       gen_random_uuid(), at + duration_s * interval '1 second', duration_s,
       CASE WHEN is_fallback THEN model || '-first' ELSE model END, CASE WHEN NOT is_failed THEN model END,
       'models.example.com:443', 1 + is_fallback::int, CASE WHEN is_failed THEN error_type END,
       CASE WHEN is_failed THEN {error} END, 'router/router-host-1-0a1b2c3d', 'chat', key_id,
       CASE WHEN is_failed THEN error_type END, session, tags
FROM day
"""

_ATTEMPTS = """
INSERT INTO monitor.attempts (attempt_id, inference_id, tenant_id, attempt_number, model, provider_name, server_address,
    reason, router_id, started_at, on_record, outcome, outcome_event_id, error_type, error, ended_at, duration_s,
    response_model, finish_reasons, input_tokens, output_tokens, cost_usd, reported_by, operation_name, key_id, cause,
    usage_state, streamed, first_chunk_s, chunks)
SELECT gen_random_uuid(), inference_id, tenant_id, number, CASE WHEN number = 1 AND is_fallback THEN model || '-first'
       ELSE model END, 'custom', 'models.example.com:443', 'named by the request', 'router-host-1-0a1b2c3d', at, true,
       CASE WHEN failed THEN 'failed' ELSE 'succeeded' END, gen_random_uuid(), CASE WHEN failed THEN error_type END,
       CASE WHEN failed THEN {error} END, at + duration_s * interval '1 second', duration_s,
       CASE WHEN NOT failed THEN 'model' END, CASE WHEN NOT failed THEN ARRAY['stop'] END,
       CASE WHEN NOT failed THEN (random() * 4000)::int END, CASE WHEN NOT failed THEN (random() * 800)::int END,
       CASE WHEN NOT failed THEN random() / 100 END, 'router/router-host-1-0a1b2c3d', 'chat', key_id,
       CASE WHEN failed THEN error_type END, 'reported', NOT failed, CASE WHEN NOT failed THEN duration_s / 4 END,
       CASE WHEN NOT failed THEN 20 ELSE 0 END
FROM (SELECT *, is_failed OR (is_fallback AND number = 1) AS failed
      FROM day CROSS JOIN LATERAL generate_series(1, 1 + is_fallback::int) AS number) AS called
"""

_ERROR = """jsonb_build_object('error_type', error_type, 'title', 'The endpoint failed internally', 'http_status', 502,
    'detail', 'HTTP 500 from models.example.com: the server had an error while it processed your request',
    'tips', jsonb_build_array('Look at the logs of the server at the endpoint; try again later.'), 'retryable', true)"""

_TOUCH = """
INSERT INTO monitor.touched_slices (tenant_id, at)
SELECT DISTINCT tenant_id, date_trunc('minute', at + duration_s * interval '1 second', 'UTC') FROM day
"""

_TAKE = "DELETE FROM monitor.touched_slices WHERE at >= $1 AND at < $2 RETURNING tenant_id, at"
_TOUCH_HOURS = """
INSERT INTO monitor.touched_hours (tenant_id, at)
SELECT DISTINCT tenant_id, date_trunc('hour', at, 'UTC') FROM unnest($1::text[], $2::timestamptz[]) AS t (tenant_id, at)
ON CONFLICT DO NOTHING
"""

# While it is filled, the server need not survive a crash.
_HASTE = {"full_page_writes": "off", "max_wal_size": "16GB", "checkpoint_timeout": "1h"}

# Of the days whose rows are gone the sums are kept: those that there are, once more for as many days before.
_COLUMNS = """
SELECT array_agg(attname::text) FROM pg_attribute
WHERE attrelid = ('monitor.' || $1)::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'at'
"""
_OLDER = """
INSERT INTO monitor.{table} (at, {columns}) SELECT at - $1::interval, {columns} FROM monitor.{table} WHERE at >= $2
"""

_TOUCH_MONTHS = """
INSERT INTO monitor.touched_months (tenant_id, at)
SELECT DISTINCT tenant_id, date_trunc('month', at, 'UTC') FROM monitor.calls_by_day ON CONFLICT DO NOTHING
"""

_HEALTH = """
INSERT INTO monitor.model_health (tenant_id, model, changed_at, status, reason, event_id)
SELECT 'tenant-' || tenant, 'custom:model-' || model, now() - n * interval '1 day' / 10,
       (ARRAY['healthy', 'degraded', 'unhealthy'])[1 + n % 3], 'most of them overloaded', gen_random_uuid()
FROM generate_series(0, {tenants} - 1) AS tenant, generate_series(0, {models} - 1) AS model,
     generate_series(1, $1::int) AS n
"""

_TOUCHED = """
SELECT (SELECT count(*) FROM monitor.touched_slices) + (SELECT count(*) FROM monitor.touched_key_minutes)
"""
_NEWEST = "SELECT inference_id FROM monitor.inferences WHERE tenant_id = $1 ORDER BY settled_at DESC LIMIT 1"

_INDEXES = """
SELECT coalesce(parent.relname, child.relname) AS table, sum(pg_indexes_size(child.oid))::bigint AS bytes
FROM pg_class AS child JOIN pg_namespace AS room ON room.oid = child.relnamespace AND room.nspname = 'monitor'
LEFT JOIN pg_inherits ON inhrelid = child.oid LEFT JOIN pg_class AS parent ON parent.oid = inhparent
WHERE child.relkind = 'r' GROUP BY 1
"""


async def make_past_days(pool: Pool, first: date, today: date) -> None:
    """In place of the tables that hold everything before the migration, a partition for each day."""
    store = RetentionStore(pool)
    for table in TABLES:
        await pool.execute(f"DROP TABLE IF EXISTS monitor.{table.name}_past")
        made = {partition.day for partition in await store.partitions(table)}
        for ahead in range((today - first).days + DAYS_AHEAD + 1):
            if (day := first + timedelta(days=ahead)) not in made:
                await store.make_day(table, day)


async def fill_span(pool: Pool, since: datetime, until: datetime, inferences: int) -> None:
    """Rows of a part of one day, whose minutes are touched."""
    async with pool.acquire() as connection, connection.transaction():
        made = _DAY.format(tenants=TENANTS, models=_MODELS, keys=_KEYS, sessions=_SESSIONS, tagged=_TAGGED)
        await connection.execute(made, since, until, inferences, timeout=_TIMEOUT_S)
        for statement in (_INFERENCES, _ATTEMPTS):
            await connection.execute(statement.format(error=_ERROR), timeout=_TIMEOUT_S)
        await connection.execute(_TOUCH, timeout=_TIMEOUT_S)
        await connection.execute("DROP TABLE day")


async def sum_up_day(pool: Pool, day: date) -> None:
    """The minutes of a day that are touched, as the monitor sums them up, but from this day's partitions alone: to look
    for each minute of a tenant into every day takes most of the time."""
    async with pool.acquire() as connection, connection.transaction():
        taken = await connection.fetch(_TAKE, midnight(day), midnight(day + timedelta(days=1)))
        tenants, since = [row["tenant_id"] for row in taken], [row["at"] for row in taken]
        until = [at + MINUTE for at in since]
        for kind in (*OF_ALL_KEYS, *BY_KEY):
            made = _of_day(kind.insert_from_books("minute"), day)
            await connection.execute(made, tenants, since, until, BOUNDS, timeout=_TIMEOUT_S)
        for sums in (ERRORS, SESSIONS):
            made = _of_day(sums.insert_minutes(), day)
            await connection.execute(made, tenants, since, until, timeout=_TIMEOUT_S)
        await connection.execute(_TOUCH_HOURS, tenants, since)


def _of_day(statement: str, day: date) -> str:
    for table in ("attempts", "inferences"):
        statement = statement.replace(f"FROM monitor.{table}", f"FROM monitor.{partition_name(table, day)}")
    return statement


async def fill_older(pool: Pool, first: date, times: int) -> None:
    """Sums of days before `first`, whose rows are gone, and ten changes a day of each model's health. Their months are
    touched."""
    days = (utc_now().date() - first).days + 1
    for table in (name for name in SUMS if name.endswith("_by_day")):
        columns = ", ".join(await pool.fetchval(_COLUMNS, table))
        for number in range(1, times + 1):
            older = _OLDER.format(table=table, columns=columns)
            await pool.execute(older, timedelta(days=number * days), midnight(first), timeout=_TIMEOUT_S)
    await pool.execute(_TOUCH_MONTHS, timeout=_TIMEOUT_S)
    await pool.execute(_HEALTH.format(tenants=TENANTS, models=_MODELS), 10 * days * (times + 1))
    await RetentionStore(pool).drop_from(midnight(first))


@asynccontextmanager
async def in_haste(pool: Pool) -> AsyncIterator[None]:
    """Ends with everything on disk, and with the settings of the local run."""
    for name, value in _HASTE.items():
        await pool.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    await pool.execute("SELECT pg_reload_conf()")
    yield
    await pool.execute("ALTER SYSTEM RESET ALL")
    await pool.execute("SELECT pg_reload_conf()")
    await pool.execute("CHECKPOINT", timeout=_TIMEOUT_S)


async def newest(pool: Pool, tenant_id: str) -> UUID:
    inference_id: UUID = await pool.fetchval(_NEWEST, tenant_id)
    return inference_id


async def filled_to(pool: Pool) -> datetime:
    at: datetime = await pool.fetchval("SELECT max(settled_at) FROM monitor.inferences WHERE tenant_id = 'tenant-0'")
    return at


async def bytes_of_indexes(pool: Pool) -> Counter[str]:
    """By table, its partitions together."""
    return Counter({row["table"]: row["bytes"] for row in await pool.fetch(_INDEXES)})


async def touched(pool: Pool) -> int:
    """Minutes of tenants that are not summed up."""
    count: int = await pool.fetchval(_TOUCHED)
    return count


async def analyze(pool: Pool, *, vacuum: bool = True) -> None:
    await pool.execute("VACUUM (ANALYZE)" if vacuum else "ANALYZE", timeout=_TIMEOUT_S)
