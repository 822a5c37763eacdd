-- Becomes the primary key when the table is cut into days.
CREATE UNIQUE INDEX CONCURRENTLY late_words_by_inference_and_id ON monitor.late_words (inference_id, event_id);
