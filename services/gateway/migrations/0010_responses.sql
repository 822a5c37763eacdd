-- Responses that are kept (POST /v1/responses). sealed_content: the response, and the items that it was asked with.
CREATE TABLE gateway.responses (
    tenant_id      text NOT NULL REFERENCES gateway.tenants,
    response_id    uuid NOT NULL,
    previous_id    uuid,
    sealed_content text NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, response_id)
);
CREATE INDEX responses_by_age ON gateway.responses (created_at);
