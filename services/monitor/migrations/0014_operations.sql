-- What an inference asked for ('chat', 'embeddings', 'rerank', 'count_tokens'). None: it was refused before that was read,
-- or is older than this column.
ALTER TABLE monitor.inferences ADD COLUMN operation_name text;
