CREATE SCHEMA monitor;

-- One row per call. The columns of its start and of its outcome are filled by their own events, in any order.
-- outcome_event_id is the event that counts; a later word is kept in late_words.
CREATE TABLE monitor.attempts (
    attempt_id       uuid PRIMARY KEY,
    inference_id     uuid NOT NULL,
    tenant_id        text NOT NULL,
    attempt_number   integer NOT NULL,
    model            text NOT NULL,
    provider_name    text NOT NULL,
    server_address   text NOT NULL,
    reason           text,
    router_id        text,
    started_at       timestamptz NOT NULL,
    on_record        boolean NOT NULL,
    outcome          text,
    outcome_event_id uuid,
    error_type       text,
    error            jsonb,
    ended_at         timestamptz,
    duration_s       double precision,
    response_model   text,
    finish_reasons   text[],
    input_tokens     integer,
    output_tokens    integer,
    cost_usd         double precision,
    reported_by      text
);
CREATE INDEX attempts_by_inference ON monitor.attempts (inference_id);
CREATE INDEX attempts_by_tenant ON monitor.attempts (tenant_id, started_at);
CREATE INDEX attempts_open ON monitor.attempts (started_at) WHERE outcome IS NULL;

-- One row per inference, made by its first attempt or by its settlement, whichever is booked first.
CREATE TABLE monitor.inferences (
    inference_id        uuid PRIMARY KEY,
    tenant_id           text NOT NULL,
    accepted_at         timestamptz NOT NULL,
    deadline_at         timestamptz,
    model_requested     text,
    candidates          jsonb,
    request_partition   integer,
    request_offset      bigint,
    delivery            integer NOT NULL,
    settlement          text,
    settlement_event_id uuid,
    settled_at          timestamptz,
    duration_s          double precision,
    first_model         text,
    model_served        text,
    server_address      text,
    attempts            integer,
    error_type          text,
    error               jsonb,
    reported_by         text
);
CREATE INDEX inferences_by_tenant ON monitor.inferences (tenant_id, settled_at);
CREATE INDEX inferences_open ON monitor.inferences (accepted_at) WHERE settlement IS NULL;

-- A second outcome of an attempt, or a second settlement of an inference: the first word counts, this one is kept.
CREATE TABLE monitor.late_words (
    event_id     uuid PRIMARY KEY,
    inference_id uuid NOT NULL,
    attempt_id   uuid,
    ce_type      text NOT NULL,
    body         jsonb NOT NULL,
    booked_at    timestamptz NOT NULL
);
