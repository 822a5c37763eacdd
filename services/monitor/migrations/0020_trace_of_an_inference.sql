-- The W3C trace in which the inference was asked for, where there was one; 16 bytes, as a UUID is. It leads to the trace and
-- counts nothing in the books.
ALTER TABLE monitor.inferences ADD COLUMN trace_id uuid;
