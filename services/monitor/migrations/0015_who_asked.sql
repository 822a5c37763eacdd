-- Who asked: the API key, and what the caller says of its requests to find them again (x-tallygate-session, x-tallygate-tags).
-- NULL: not known, not said, or older than these columns.
ALTER TABLE monitor.inferences ADD COLUMN key_id text, ADD COLUMN session text, ADD COLUMN tags jsonb;
ALTER TABLE monitor.attempts ADD COLUMN key_id text, ADD COLUMN operation_name text;
