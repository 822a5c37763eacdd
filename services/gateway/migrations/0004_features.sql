-- Feature jobs as callers see them, kept from what the workers say. sealed_result: sealed (tenant, "feature_result",
-- feature_id). progress: [{"id", "at", "step", "message"}], in the order in which it was said.
CREATE TABLE gateway.features (
    feature_id    uuid PRIMARY KEY,
    tenant_id     text NOT NULL,
    generator     text NOT NULL,
    model         text,
    state         text NOT NULL CHECK (state IN ('accepted', 'running', 'completed', 'failed', 'cancelled')),
    step          text,
    progress      jsonb NOT NULL DEFAULT '[]',
    delivery      integer NOT NULL DEFAULT 0,
    sealed_result text,
    error         jsonb,
    calls         jsonb NOT NULL DEFAULT '[]',
    accepted_at   timestamptz NOT NULL,
    started_at    timestamptz,
    settled_at    timestamptz
);
CREATE INDEX features_by_tenant ON gateway.features (tenant_id, accepted_at DESC);
CREATE INDEX features_by_age ON gateway.features (settled_at) WHERE settled_at IS NOT NULL;
