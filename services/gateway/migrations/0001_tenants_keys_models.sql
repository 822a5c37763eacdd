CREATE SCHEMA gateway;

-- registry_version grows with every change of the tenant's models; requests carry it, so that a router never
-- selects from an older registry than the caller saw.
CREATE TABLE gateway.tenants (
    tenant_id        text PRIMARY KEY,
    registry_version bigint NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL
);

CREATE TABLE gateway.api_keys (
    key_id     text PRIMARY KEY,
    tenant_id  text NOT NULL REFERENCES gateway.tenants,
    key_sha256 bytea NOT NULL,
    scopes     text[] NOT NULL,
    name       text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX api_keys_by_tenant ON gateway.api_keys (tenant_id, created_at);

CREATE TABLE gateway.custom_models (
    tenant_id       text NOT NULL REFERENCES gateway.tenants,
    model_id        text NOT NULL,
    model_name      text NOT NULL,
    description     text NOT NULL DEFAULT '',
    wire_format     text NOT NULL CHECK (wire_format IN ('openai', 'anthropic')),
    endpoint_url    text NOT NULL,
    sealed_api_key  text,
    sealed_headers  text,
    config          jsonb NOT NULL DEFAULT '{}',
    context_window  integer,
    max_concurrency integer,
    price           jsonb,
    timeout_s       double precision,
    is_active       boolean NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, model_id)
);

CREATE TABLE gateway.chat_messages (
    tenant_id      text NOT NULL REFERENCES gateway.tenants,
    session_id     text NOT NULL,
    message_id     uuid NOT NULL,
    role           text NOT NULL CHECK (role IN ('user', 'assistant')),
    sealed_content text NOT NULL,
    model          text,
    inference_id   uuid NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, session_id, message_id)
);
