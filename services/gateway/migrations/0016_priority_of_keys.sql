-- The most urgent priority that what is asked with a key may have; null: any.
ALTER TABLE gateway.api_keys ADD COLUMN max_priority text CHECK (max_priority IN ('interactive', 'normal', 'bulk'));
