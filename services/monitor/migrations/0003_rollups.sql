-- Which minutes of which tenants have calls that are booked and not yet summed up. Written in the transaction that
-- books them, deleted in the one that sums them up, so nobody's death loses one. Never updated: bookings do not meet.
CREATE TABLE monitor.touched_minutes (
    touch     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id text NOT NULL,
    minute    timestamptz NOT NULL
);

-- Calls that ended within one minute. errors: failed calls by error type. latency: succeeded calls by bucket of
-- services/monitor/latency.py. All columns are sums, so any window is a sum of minutes.
CREATE TABLE monitor.model_minutes (
    tenant_id     text NOT NULL,
    minute        timestamptz NOT NULL,
    model         text NOT NULL,
    calls         integer NOT NULL,
    failed        integer NOT NULL,
    errors        jsonb NOT NULL,
    latency       jsonb NOT NULL,
    usd           double precision NOT NULL,
    input_tokens  bigint NOT NULL,
    output_tokens bigint NOT NULL,
    PRIMARY KEY (tenant_id, minute, model)
) WITH (fillfactor = 70);  -- the minute that runs is updated in place, again and again
CREATE INDEX model_minutes_by_minute ON monitor.model_minutes (minute);

CREATE TABLE monitor.spend_days (
    tenant_id text NOT NULL,
    day       date NOT NULL,
    usd       double precision NOT NULL,
    tokens    bigint NOT NULL,
    PRIMARY KEY (tenant_id, day)
) WITH (fillfactor = 70);

-- One row for each change of a model's status; before the first one it was healthy.
CREATE TABLE monitor.model_health (
    tenant_id  text NOT NULL,
    model      text NOT NULL,
    changed_at timestamptz NOT NULL,
    status     text NOT NULL,
    reason     text NOT NULL,
    PRIMARY KEY (tenant_id, model, changed_at)
);

-- Finds the calls of one tenant that ended within one minute.
CREATE INDEX attempts_by_tenant_ended ON monitor.attempts (tenant_id, ended_at) WHERE ended_at IS NOT NULL;

-- What was booked before this table was there is summed up by the first monitor that starts.
INSERT INTO monitor.touched_minutes (tenant_id, minute)
SELECT DISTINCT tenant_id, date_trunc('minute', ended_at, 'UTC') FROM monitor.attempts WHERE ended_at IS NOT NULL;
