-- What the books know of streams. usage_state: who says how many tokens there were ('reported' by the endpoint,
-- 'estimated', 'unknown'). first_chunk_s: from the start of a call to its first chunk with content; chunks: how many came.
-- first_chunk: calls that had one, by bucket of its time.
ALTER TABLE monitor.attempts
    ADD COLUMN usage_state text, ADD COLUMN streamed boolean, ADD COLUMN first_chunk_s double precision,
    ADD COLUMN chunks integer;
ALTER TABLE monitor.calls_by_minute ADD COLUMN first_chunk jsonb;
ALTER TABLE monitor.calls_by_hour ADD COLUMN first_chunk jsonb;
ALTER TABLE monitor.calls_by_day ADD COLUMN first_chunk jsonb;
