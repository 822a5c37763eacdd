-- Feature jobs. The first word about the end of a job counts; another one only adds to late_words.
CREATE TABLE monitor.features (
    feature_id          uuid PRIMARY KEY,
    tenant_id           text NOT NULL,
    generator           text NOT NULL,
    worker_id           text,
    delivery            integer NOT NULL,
    accepted_at         timestamptz NOT NULL,
    started_at          timestamptz,
    settlement          text,
    settlement_event_id uuid,
    settled_at          timestamptz,
    duration_s          double precision,
    error_type          text,
    error               jsonb,
    calls               jsonb NOT NULL DEFAULT '[]',
    reported_by         text,
    late_words          integer NOT NULL DEFAULT 0
);
CREATE INDEX features_by_tenant ON monitor.features (tenant_id, settled_at);
CREATE INDEX features_open ON monitor.features (accepted_at) WHERE settlement IS NULL;
