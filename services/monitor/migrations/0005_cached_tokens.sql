-- Of the input tokens, those that the endpoint read from its cache and wrote to it. NULL: an open call, or one that was
-- booked before these columns were there.
ALTER TABLE monitor.attempts
    ADD COLUMN cache_read_tokens  integer,
    ADD COLUMN cache_write_tokens integer;
