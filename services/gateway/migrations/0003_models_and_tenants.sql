-- What a tenant may do. A plan's terms hold for all its tenants; a tenant's own terms come before its plan's.
CREATE TABLE gateway.plans (
    plan_id    text PRIMARY KEY,
    terms      jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);
ALTER TABLE gateway.tenants
    ADD COLUMN plan_id text REFERENCES gateway.plans,
    ADD COLUMN terms   jsonb NOT NULL DEFAULT '{}';
CREATE INDEX tenants_by_plan ON gateway.tenants (plan_id) WHERE plan_id IS NOT NULL;

-- Patterns of model ids that the key may use; NULL: all that its tenant may.
ALTER TABLE gateway.api_keys ADD COLUMN allowed_models text[];

-- draft_until: a model that is being set up. It is not listed, and is deleted after that time if its setup died.
ALTER TABLE gateway.custom_models
    ADD COLUMN capabilities jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN weight       integer CHECK (weight >= 0),
    ADD COLUMN draft_until  timestamptz;
CREATE INDEX custom_models_drafts ON gateway.custom_models (draft_until) WHERE draft_until IS NOT NULL;

-- A tenant's own key of a provider, used instead of the deployment's.
CREATE TABLE gateway.provider_keys (
    tenant_id      text NOT NULL REFERENCES gateway.tenants,
    provider       text NOT NULL,
    sealed_api_key text NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, provider)
);

-- Who changed what, and when; written with the change. Names of fields and values that are no secrets.
CREATE TABLE gateway.changes (
    change_id  uuid PRIMARY KEY,
    tenant_id  text NOT NULL,
    key_id     text NOT NULL,
    action     text NOT NULL,
    subject    text NOT NULL,
    details    jsonb NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX changes_by_tenant ON gateway.changes (tenant_id, change_id);
