-- Becomes the primary key when the table is cut into days.
CREATE UNIQUE INDEX CONCURRENTLY attempts_by_inference_and_id ON monitor.attempts (inference_id, attempt_id);
