-- Public keys (X25519) of a tenant, for which answers to its upstream services are sealed.
CREATE TABLE gateway.reply_keys (
    tenant_id    text NOT NULL REFERENCES gateway.tenants,
    reply_key_id text NOT NULL,
    public_key   bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, reply_key_id)
);

-- What upstream services asked by Kafka, one row a request: written before it is published, so that a record that is
-- read again is the same inference (sha256: of what was asked), and says where its answer is to be told. Of what was
-- taken, reply_id is the inference's id; the row beside it in gateway.background is that of every background inference.
-- refusal: the reply to what was not taken, which is told at once. public_key: null for an answer in clear.
-- due_at: from when on the reply is to be told; null: there is none yet, or nothing to be told.
CREATE TABLE gateway.upstream (
    reply_id      uuid PRIMARY KEY,
    inference_id  uuid NOT NULL,
    tenant_id     text NOT NULL,
    sha256        bytea,
    reply_topic   text,
    reply_key_id  text,
    public_key    bytea,
    trace_context text,
    refusal       bytea,
    failures      integer NOT NULL DEFAULT 0,
    due_at        timestamptz,
    told_at       timestamptz,
    kept_until    timestamptz NOT NULL
);
CREATE INDEX upstream_due ON gateway.upstream (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX upstream_by_age ON gateway.upstream (kept_until);
