-- Batches: files whose lines are inferences. Gateways take them in; a worker (services/jobs) has one as a leased job, feeds
-- its lines in and collects their results. next_line (from 1), next_offset: what of the file was not begun yet.
-- published_to: lines below were acked by the broker. ending: what it is going to be, once no more lines are begun.
-- output_kept_s: for so long its files are kept. waiting: why none are begun at the moment. settled_at: it has one of its last states; ended_at: nothing is left to do.
CREATE TABLE gateway.batches (
    batch_id          uuid PRIMARY KEY,
    tenant_id         text NOT NULL REFERENCES gateway.tenants,
    api_key_id        text NOT NULL,
    endpoint          text NOT NULL,
    input_file_id     uuid NOT NULL,
    completion_window text NOT NULL,
    metadata          jsonb,
    session           text NOT NULL,
    status            text NOT NULL DEFAULT 'validating',
    ending            text,
    errors            jsonb NOT NULL DEFAULT '[]',
    waiting           text,
    total             integer NOT NULL DEFAULT 0,
    completed         integer NOT NULL DEFAULT 0,
    failed            integer NOT NULL DEFAULT 0,
    next_line         integer NOT NULL DEFAULT 1,
    next_offset       bigint NOT NULL DEFAULT 0,
    published_to      integer NOT NULL DEFAULT 1,
    output_kept_s     double precision NOT NULL,
    output_file_id    uuid,
    error_file_id     uuid,
    created_at        timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL,
    in_progress_at    timestamptz,
    cancelling_at     timestamptz,
    finalizing_at     timestamptz,
    settled_at        timestamptz,
    ended_at          timestamptz,
    worker_id         text,
    delivery          integer NOT NULL DEFAULT 0,
    lease_until       timestamptz
);
CREATE INDEX batches_of_a_tenant ON gateway.batches (tenant_id, batch_id);
CREATE INDEX batches_open ON gateway.batches (created_at) WHERE ended_at IS NULL;
CREATE INDEX batches_by_age ON gateway.batches (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX batches_by_input ON gateway.batches (input_file_id) WHERE ended_at IS NULL;

-- Lines that were begun and whose results are not in the batch's output yet: at most as many as are in flight.
-- inference_id: under which it is published, however often. at, size: where the line stands in the file, in bytes.
-- sealed_request: what the answer is told with (of responses).
CREATE TABLE gateway.batch_lines (
    inference_id   uuid PRIMARY KEY,
    batch_id       uuid NOT NULL REFERENCES gateway.batches ON DELETE CASCADE,
    tenant_id      text NOT NULL,
    line           integer NOT NULL,
    custom_id      text NOT NULL,
    at             bigint NOT NULL,
    size           integer NOT NULL,
    sealed_request text,
    UNIQUE (batch_id, line)
);
