-- What a change of a model's health was judged by (shared/events/model.py), and the event that told it. NULL: older than
-- these columns.
ALTER TABLE monitor.model_health
    ADD COLUMN event_id     uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN cause        text,
    ADD COLUMN calls        integer,
    ADD COLUMN failed       integer,
    ADD COLUMN errors       jsonb,
    ADD COLUMN degraded_at  double precision,
    ADD COLUMN unhealthy_at double precision,
    ADD COLUMN min_calls    integer;

-- The last probe of each model (decision 0037). every_s, changed_at: as its owner had it when it was asked. is_open: it
-- is not known yet how it ended; after gives_up_at nobody waits for that. ended_at, error_type: of the last one that said
-- something of the endpoint; error_type NULL: it was answered. calls: of the probes of the last minutes, when each ended
-- and with which error, so that they are not taken for calls of callers.
CREATE TABLE monitor.probes (
    tenant_id    text NOT NULL,
    model        text NOT NULL,
    inference_id uuid NOT NULL,
    every_s      integer NOT NULL,
    changed_at   timestamptz NOT NULL,
    asked_at     timestamptz NOT NULL,
    gives_up_at  timestamptz NOT NULL,
    is_open      boolean NOT NULL,
    ended_at     timestamptz,
    error_type   text,
    calls        jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (tenant_id, model)
) WITH (fillfactor = 70);
