-- Background inferences (POST /api/inferences, and responses with "background": true): written before the request is
-- published, so that whichever gateway is asked knows how its answer is to be told. What travels, and the books, are those
-- of every inference. sealed_request: what the answer is told with. kept_s: its result is kept for this long; decided when
-- it was accepted. ended_at: when its result was stored.
CREATE TABLE gateway.background (
    inference_id   uuid PRIMARY KEY,
    tenant_id      text NOT NULL REFERENCES gateway.tenants,
    operation      text NOT NULL,
    streamed       boolean NOT NULL,
    sealed_request text,
    accepted_at    timestamptz NOT NULL,
    deadline_at    timestamptz NOT NULL,
    kept_s         double precision NOT NULL,
    kept_until     timestamptz NOT NULL,
    ended_at       timestamptz
);
CREATE INDEX background_open ON gateway.background (tenant_id, deadline_at) WHERE ended_at IS NULL;
CREATE INDEX background_by_age ON gateway.background (kept_until);

-- When a result is deleted is decided when it is stored. The default is for what is there, and for gateways that do not
-- know of it yet; it is evaluated once, and no row is rewritten.
ALTER TABLE gateway.results ADD COLUMN kept_until timestamptz NOT NULL DEFAULT now() + interval '1 day';
DROP INDEX gateway.results_by_age;
