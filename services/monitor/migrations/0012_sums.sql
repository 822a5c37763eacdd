-- Sums of the books by minute, hour and UTC day (decision 0022). calls: of attempts, by the minute in which they ended.
-- requests: of inferences, by the minute in which they were settled. latency: calls that succeeded, and inferences that
-- were completed, by bucket of services/monitor/rollups/latency.py. Every column that is not part of the key of a row
-- is a sum, so any span of time is a sum of rows.
--   prompt_from  calls whose prompts had at least so many tokens, and fewer than the next step of TOKEN_STEPS
--   passed_over  empty, or a model that was called before another one took the request: such rows count a request once
--                more, for those who ask about that model
CREATE TABLE monitor.calls_by_minute (
    tenant_id          text NOT NULL,
    at                 timestamptz NOT NULL,
    model              text NOT NULL,
    server_address     text NOT NULL,
    outcome            text NOT NULL,
    error_type         text NOT NULL,
    prompt_from        integer NOT NULL,
    calls              bigint NOT NULL,
    usd                double precision NOT NULL,
    input_tokens       bigint NOT NULL,
    output_tokens      bigint NOT NULL,
    cache_read_tokens  bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    latency            jsonb
) PARTITION BY RANGE (at);
CREATE TABLE monitor.requests_by_minute (
    tenant_id      text NOT NULL,
    at             timestamptz NOT NULL,
    model          text NOT NULL,
    server_address text NOT NULL,
    settlement     text NOT NULL,
    error_type     text NOT NULL,
    passed_over    text NOT NULL,
    requests       bigint NOT NULL,
    fallbacks      bigint NOT NULL,
    duration_s     double precision NOT NULL,
    latency        jsonb
) PARTITION BY RANGE (at);
CREATE INDEX calls_by_minute_at ON monitor.calls_by_minute (at, tenant_id);
CREATE INDEX requests_by_minute_at ON monitor.requests_by_minute (at, tenant_id);
CREATE TABLE monitor.calls_by_minute_other PARTITION OF monitor.calls_by_minute DEFAULT;
CREATE TABLE monitor.requests_by_minute_other PARTITION OF monitor.requests_by_minute DEFAULT;

CREATE TABLE monitor.calls_by_hour (LIKE monitor.calls_by_minute);
CREATE TABLE monitor.calls_by_day (LIKE monitor.calls_by_minute);
CREATE TABLE monitor.requests_by_hour (LIKE monitor.requests_by_minute);
CREATE TABLE monitor.requests_by_day (LIKE monitor.requests_by_minute);
CREATE INDEX calls_by_hour_at ON monitor.calls_by_hour (at, tenant_id);
CREATE INDEX calls_by_day_at ON monitor.calls_by_day (at, tenant_id);
CREATE INDEX requests_by_hour_at ON monitor.requests_by_hour (at, tenant_id);
CREATE INDEX requests_by_day_at ON monitor.requests_by_day (at, tenant_id);

-- Hours and days whose sums are not those of their minutes and hours (yet): they are read from these instead.
CREATE TABLE monitor.touched_hours (tenant_id text, at timestamptz, PRIMARY KEY (tenant_id, at));
CREATE TABLE monitor.touched_days (tenant_id text, at timestamptz, PRIMARY KEY (tenant_id, at));

-- What was booked before is summed up by the first monitor that starts, and read from the books until then.
DELETE FROM monitor.touched_minutes;
INSERT INTO monitor.touched_minutes (tenant_id, minute)
SELECT tenant_id, date_trunc('minute', ended_at, 'UTC') FROM monitor.attempts WHERE ended_at IS NOT NULL
UNION
SELECT tenant_id, date_trunc('minute', settled_at, 'UTC') FROM monitor.inferences WHERE settled_at IS NOT NULL;

-- Last, as its lock is held to the end.
DROP TABLE monitor.model_minutes;
