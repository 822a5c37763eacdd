CREATE SCHEMA features;

-- A job that is known and not settled is somebody's until its lease ends; then it is the next one's who asks.
-- event: the body of its FeatureRequested, whose content is sealed. settled_event: the body of the FeatureSettled that
-- is to be published, written first, so that a worker that dies in between says the same word once more.
CREATE TABLE features.jobs (
    feature_id    uuid PRIMARY KEY,
    tenant_id     text NOT NULL,
    event         bytea NOT NULL,
    traceparent   text,
    accepted_at   timestamptz NOT NULL,
    deadline_at   timestamptz NOT NULL,
    worker_id     text,
    delivery      integer NOT NULL DEFAULT 0,
    lease_until   timestamptz,
    settled_event bytea,
    settled_at    timestamptz
);
CREATE INDEX jobs_open ON features.jobs (accepted_at) WHERE settled_at IS NULL;
CREATE INDEX jobs_settled ON features.jobs (settled_at) WHERE settled_at IS NOT NULL;

-- What finished steps gave, so that whoever goes on with a job does not do them again. sealed_value: JSON, sealed
-- (tenant, "feature_step/<feature_id>", step_key). Of a model call, inference_id is written before it is asked for.
CREATE TABLE features.steps (
    tenant_id    text NOT NULL,
    feature_id   uuid NOT NULL REFERENCES features.jobs ON DELETE CASCADE,
    step_key     text NOT NULL,
    inference_id uuid,
    published_at timestamptz,
    sealed_value text,
    finished_at  timestamptz,
    PRIMARY KEY (feature_id, step_key)
);
