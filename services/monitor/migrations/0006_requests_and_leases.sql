-- An inference is in the books from its acceptance on. last_attempt orders what routers and the request topic say of it,
-- within a delivery: 0 is its request, a number the attempt that was begun. It takes the place of last_start_at, which
-- compared the clocks of different machines; monitors of the version before still write that one.
-- booked_at is the database's clock: how long the books know of it, whatever the clocks of others say.
ALTER TABLE monitor.inferences
    ADD COLUMN last_attempt integer,
    ADD COLUMN booked_at    timestamptz NOT NULL DEFAULT now();

-- In which delivery of its inference a call was begun. NULL: booked before this column was there.
ALTER TABLE monitor.attempts ADD COLUMN delivery integer;

-- What one monitor at a time may do. holder: one turn of one process; until: by the database's clock.
CREATE TABLE monitor.leases (
    name   text PRIMARY KEY,
    holder text NOT NULL,
    until  timestamptz NOT NULL
);
