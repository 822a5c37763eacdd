-- What the requests of a session (x-tallygate-session) may use in all. since: requests accepted from then on count; a cap
-- holds for 30 days from it (CAP_LIFE). usd, calls, tokens: NULL is as much as it likes; one of them is given.
CREATE TABLE gateway.session_caps (
    tenant_id text NOT NULL,
    session   text NOT NULL,
    since     timestamptz NOT NULL,
    usd       double precision,
    calls     bigint,
    tokens    bigint,
    PRIMARY KEY (tenant_id, session)
);
CREATE INDEX session_caps_since ON gateway.session_caps (since);
