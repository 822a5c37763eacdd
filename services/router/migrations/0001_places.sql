CREATE SCHEMA router;

-- Of the calls that a model may have at a time, how many each router has, and until when unless it asks again.
CREATE TABLE router.places (
    tenant_id   text NOT NULL,
    model_id    text NOT NULL,
    router_id   text NOT NULL,
    held        integer NOT NULL,
    wanted      integer NOT NULL,
    waits_since timestamptz NOT NULL,
    until       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, model_id, router_id)
);
