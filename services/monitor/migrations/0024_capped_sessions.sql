-- What the settled requests of capped sessions have used, by the minute of their settlement: computed anew with the minute.
-- since: from when on the cap counts; of a session that was capped twice, the two caps are told apart.
CREATE TABLE monitor.capped_minutes (
    tenant_id text NOT NULL,
    session   text NOT NULL,
    since     timestamptz NOT NULL,
    at        timestamptz NOT NULL,
    usd       double precision NOT NULL,
    calls     bigint NOT NULL,
    tokens    bigint NOT NULL,
    PRIMARY KEY (tenant_id, session, since, at)
);
CREATE INDEX capped_minutes_at ON monitor.capped_minutes (at);
