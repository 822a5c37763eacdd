-- Who inserts the row publishes the request; everybody else waits for the result of the same inference.
-- taken_at: when somebody last set out to publish it. published_at is NULL until the broker has acked.
CREATE TABLE gateway.idempotency_keys (
    tenant_id    text NOT NULL REFERENCES gateway.tenants,
    route        text NOT NULL,
    key          text NOT NULL,
    body_sha256  bytea NOT NULL,
    inference_id uuid NOT NULL,
    created_at   timestamptz NOT NULL,
    taken_at     timestamptz NOT NULL,
    published_at timestamptz,
    PRIMARY KEY (tenant_id, route, key)
);
CREATE INDEX idempotency_keys_by_age ON gateway.idempotency_keys (created_at);

-- event: the body of the ReplyCompleted or ReplyFailed (ce_type) as it travelled; answers are sealed in it.
CREATE TABLE gateway.results (
    inference_id uuid PRIMARY KEY,
    tenant_id    text NOT NULL,
    ce_type      text NOT NULL,
    event        bytea NOT NULL,
    completed_at timestamptz NOT NULL
);
CREATE INDEX results_by_age ON gateway.results (completed_at);
