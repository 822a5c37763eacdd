-- An inference is in the books from its acceptance on. booked_at is the database's clock: for how long the books know of
-- it, whatever the clocks of others say.
ALTER TABLE monitor.inferences ADD COLUMN booked_at timestamptz NOT NULL DEFAULT now();

-- What one monitor at a time may do. holder: one turn of one process; until: by the database's clock.
CREATE TABLE monitor.leases (
    name   text PRIMARY KEY,
    holder text NOT NULL,
    until  timestamptz NOT NULL
);
