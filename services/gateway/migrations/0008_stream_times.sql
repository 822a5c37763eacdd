-- Of a stream: how long until something of the answer has come, and how long it may be silent after that. NULL: as the
-- code says.
ALTER TABLE gateway.custom_models
    ADD COLUMN first_chunk_timeout_s double precision,
    ADD COLUMN idle_timeout_s        double precision;
