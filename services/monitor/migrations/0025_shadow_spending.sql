-- What copies for models on trial have cost, by the minute in which their calls ended: computed anew with the minute, for
-- tenants that have a budget for them.
CREATE TABLE monitor.shadow_minutes (
    tenant_id text NOT NULL,
    at        timestamptz NOT NULL,
    usd       double precision NOT NULL,
    PRIMARY KEY (tenant_id, at)
);
CREATE INDEX shadow_minutes_at ON monitor.shadow_minutes (at);
