-- Where a tenant wants to be told of events. One that is not disabled, and has something to deliver, is somebody's until
-- its lease ends (worker_id, delivery, lease_until), so its receiver is called by one worker at a time.
-- Secrets: sealed (tenant, "webhook", webhook_id); the one before the current signs too until old_secret_until.
-- failures: rounds in a row in which nothing was taken; failing_since: the first of them; rests_until: the next one.
-- dropped: events that found too many waiting and are not kept.
CREATE TABLE gateway.webhooks (
    webhook_id        uuid PRIMARY KEY,
    tenant_id         text NOT NULL,
    url               text NOT NULL,
    events            text[] NOT NULL,
    name              text NOT NULL,
    sealed_secret     text NOT NULL,
    sealed_old_secret text,
    old_secret_until  timestamptz,
    created_at        timestamptz NOT NULL,
    served_at         timestamptz NOT NULL,
    delivered_at      timestamptz,
    failures          integer NOT NULL DEFAULT 0,
    failing_since     timestamptz,
    rests_until       timestamptz,
    dropped           bigint NOT NULL DEFAULT 0,
    dropped_at        timestamptz,
    disabled_at       timestamptz,
    disabled_because  text,
    worker_id         text,
    delivery          integer NOT NULL DEFAULT 0,
    lease_until       timestamptz
);
CREATE INDEX webhooks_of_tenant ON gateway.webhooks (tenant_id, created_at);

-- One event for one webhook. Its id is made of the webhook and what happened, so that an event that is read twice is
-- one row. body: as it is signed and sent. begun_at, failures: from when on it has been tried, and how often in vain.
-- asked: somebody waits for it. tries: the last ones, [{"at", "status", "error", "took_s"}]. taken: what became of it;
-- null while it waits.
CREATE TABLE gateway.webhook_deliveries (
    delivery_id uuid PRIMARY KEY,
    webhook_id  uuid NOT NULL REFERENCES gateway.webhooks ON DELETE CASCADE,
    type        text NOT NULL,
    body        text NOT NULL,
    accepted_at timestamptz NOT NULL,
    begun_at    timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    failures    integer NOT NULL DEFAULT 0,
    asked       boolean NOT NULL DEFAULT false,
    tries       jsonb NOT NULL DEFAULT '[]',
    settled_at  timestamptz,
    taken       boolean
);
CREATE INDEX webhook_deliveries_waiting ON gateway.webhook_deliveries (webhook_id, asked DESC, accepted_at, delivery_id)
    WHERE settled_at IS NULL;
CREATE INDEX webhook_deliveries_listed ON gateway.webhook_deliveries (webhook_id, accepted_at, delivery_id)
    INCLUDE (settled_at);
CREATE INDEX webhook_deliveries_settled ON gateway.webhook_deliveries (settled_at) WHERE settled_at IS NOT NULL;
