-- What the requests of a session (x-tallygate-session) came to, by the time of their settlement. session: '' for all but the
-- dearest of a step (services/monitor/rollups/session_sums). Minutes are summed up when they are over, as those by key.
CREATE TABLE monitor.sessions_by_minute (
    tenant_id     text NOT NULL,
    at            timestamptz NOT NULL,
    session       text NOT NULL,
    requests      bigint NOT NULL,
    failures      bigint NOT NULL,
    calls         bigint NOT NULL,
    usd           double precision NOT NULL,
    input_tokens  bigint NOT NULL,
    output_tokens bigint NOT NULL,
    first_at      timestamptz NOT NULL,
    last_at       timestamptz NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX sessions_by_minute_at ON monitor.sessions_by_minute (at, tenant_id);
CREATE TABLE monitor.sessions_by_minute_other PARTITION OF monitor.sessions_by_minute DEFAULT;

CREATE TABLE monitor.sessions_by_hour (LIKE monitor.sessions_by_minute);
CREATE TABLE monitor.sessions_by_day (LIKE monitor.sessions_by_minute);
CREATE INDEX sessions_by_hour_at ON monitor.sessions_by_hour (at, tenant_id);
CREATE INDEX sessions_by_day_at ON monitor.sessions_by_day (at, tenant_id);

-- Those of the last day are summed up at once; what is older is not summed up again.
INSERT INTO monitor.touched_minutes (tenant_id, minute)
SELECT DISTINCT tenant_id, date_trunc('minute', settled_at, 'UTC') FROM monitor.inferences
WHERE settled_at >= now() - interval '1 day' AND session IS NOT NULL;
