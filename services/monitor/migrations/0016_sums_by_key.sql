-- What is summed up besides (decision 0022). operation_name: '' where it is not known, and in sums that were made before.
-- reported, estimated, unknown: calls by who says how many tokens there were. per_chunk: calls of more than one chunk with
-- content, by bucket of the time from one to the next. Sums by key are tables of their own: who asks about all keys reads
-- as few rows as before, however many keys there are.
DO $$
DECLARE
    step text;
BEGIN
    FOREACH step IN ARRAY ARRAY['minute', 'hour', 'day'] LOOP
        EXECUTE format($sql$
            ALTER TABLE monitor.calls_by_%1$s
                ADD COLUMN operation_name text NOT NULL DEFAULT '', ADD COLUMN reasoning_tokens bigint NOT NULL DEFAULT 0,
                ADD COLUMN reported bigint NOT NULL DEFAULT 0, ADD COLUMN estimated bigint NOT NULL DEFAULT 0,
                ADD COLUMN unknown bigint NOT NULL DEFAULT 0, ADD COLUMN per_chunk jsonb;
            ALTER TABLE monitor.requests_by_%1$s ADD COLUMN operation_name text NOT NULL DEFAULT '';
        $sql$, step);
    END LOOP;
END $$;

CREATE TABLE monitor.key_calls_by_minute (LIKE monitor.calls_by_minute, key_id text NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE monitor.key_requests_by_minute (LIKE monitor.requests_by_minute, key_id text NOT NULL)
    PARTITION BY RANGE (at);

-- Calls that failed, and inferences that ended otherwise than completed without a call. cause: of the error's detail,
-- without what differs from one to the next (services/monitor/books/causes.py); '' for those beyond the most frequent.
-- samples: a few inferences, the newest. keys: the keys that met it most, and how often.
CREATE TABLE monitor.errors_by_minute (
    tenant_id      text NOT NULL,
    at             timestamptz NOT NULL,
    error_type     text NOT NULL,
    model          text NOT NULL,
    server_address text NOT NULL,
    cause          text NOT NULL,
    n              bigint NOT NULL,
    first_at       timestamptz NOT NULL,
    last_at        timestamptz NOT NULL,
    samples        uuid[] NOT NULL,
    keys           jsonb NOT NULL
) PARTITION BY RANGE (at);

-- Minutes that are not summed up by key (yet), nor their errors; that is done once, when they are over.
CREATE TABLE monitor.touched_key_minutes (tenant_id text, at timestamptz, PRIMARY KEY (tenant_id, at));

CREATE INDEX key_calls_by_minute_at ON monitor.key_calls_by_minute (at, tenant_id, key_id);
CREATE INDEX key_requests_by_minute_at ON monitor.key_requests_by_minute (at, tenant_id, key_id);
CREATE INDEX errors_by_minute_at ON monitor.errors_by_minute (at, tenant_id);
CREATE TABLE monitor.key_calls_by_minute_other PARTITION OF monitor.key_calls_by_minute DEFAULT;
CREATE TABLE monitor.key_requests_by_minute_other PARTITION OF monitor.key_requests_by_minute DEFAULT;
CREATE TABLE monitor.errors_by_minute_other PARTITION OF monitor.errors_by_minute DEFAULT;

CREATE TABLE monitor.key_calls_by_hour (LIKE monitor.key_calls_by_minute);
CREATE TABLE monitor.key_calls_by_day (LIKE monitor.key_calls_by_minute);
CREATE TABLE monitor.key_requests_by_hour (LIKE monitor.key_requests_by_minute);
CREATE TABLE monitor.key_requests_by_day (LIKE monitor.key_requests_by_minute);
CREATE TABLE monitor.errors_by_hour (LIKE monitor.errors_by_minute);
CREATE TABLE monitor.errors_by_day (LIKE monitor.errors_by_minute);
CREATE INDEX key_calls_by_hour_at ON monitor.key_calls_by_hour (at, tenant_id, key_id);
CREATE INDEX key_calls_by_day_at ON monitor.key_calls_by_day (at, tenant_id, key_id);
CREATE INDEX key_requests_by_hour_at ON monitor.key_requests_by_hour (at, tenant_id, key_id);
CREATE INDEX key_requests_by_day_at ON monitor.key_requests_by_day (at, tenant_id, key_id);
CREATE INDEX errors_by_hour_at ON monitor.errors_by_hour (at, tenant_id);
CREATE INDEX errors_by_day_at ON monitor.errors_by_day (at, tenant_id);

-- NULL: no error, or one that was booked before this column was there.
ALTER TABLE monitor.attempts ADD COLUMN cause text;
ALTER TABLE monitor.inferences ADD COLUMN cause text;

-- The errors of the last day are grouped at once; what is older is not summed up again.
INSERT INTO monitor.touched_minutes (tenant_id, minute)
SELECT tenant_id, at FROM monitor.calls_by_minute WHERE at >= now() - interval '1 day'
UNION SELECT tenant_id, at FROM monitor.requests_by_minute WHERE at >= now() - interval '1 day';
