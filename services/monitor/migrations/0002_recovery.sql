-- Who works on an inference now, and how its caller is reached: known from its newest AttemptStarted.
ALTER TABLE monitor.inferences
    ADD COLUMN router_id       text,
    ADD COLUMN last_start_at   timestamptz,
    ADD COLUMN reply_partition integer,
    ADD COLUMN store_result    boolean;

CREATE INDEX attempts_by_router_open ON monitor.attempts (router_id) WHERE outcome IS NULL;

-- The intention to hand an inference out again, written before it is published, so that the death of a monitor
-- between the two loses none. published_at is NULL until the request is acked.
CREATE TABLE monitor.redeliveries (
    inference_id uuid NOT NULL,
    delivery     integer NOT NULL,
    reason       text NOT NULL,
    decided_at   timestamptz NOT NULL,
    published_at timestamptz,
    PRIMARY KEY (inference_id, delivery)
);
