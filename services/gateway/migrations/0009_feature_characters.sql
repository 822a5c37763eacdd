-- Of the answer that a model was writing for the job when it was last heard of: how long it was by then.
ALTER TABLE gateway.features
    ADD COLUMN characters    bigint,
    ADD COLUMN characters_at timestamptz;
