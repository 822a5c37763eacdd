-- Of the input tokens, those that were heard; of the output tokens, those that were thought, and said aloud. NULL: an
-- open call, or one that was booked before these columns were there.
ALTER TABLE monitor.attempts
    ADD COLUMN reasoning_tokens    integer,
    ADD COLUMN input_audio_tokens  integer,
    ADD COLUMN output_audio_tokens integer;
