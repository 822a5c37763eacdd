-- A batch that waits gives up its place in the worker until rests_until; idle: rounds in a row that brought nothing.
-- turn_at: of when it last had a place, by which the batches of a tenant take turns.
ALTER TABLE gateway.batches
    ADD COLUMN rests_until timestamptz,
    ADD COLUMN idle integer NOT NULL DEFAULT 0,
    ADD COLUMN turn_at timestamptz NOT NULL DEFAULT now();
