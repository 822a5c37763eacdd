-- When the books took an inference's settlement, by the database's clock: with settled_at it tells how far behind they were.
-- It is NULL where that was before this column, and no fact that is sealed, as booked_at is none.
ALTER TABLE monitor.inferences ADD COLUMN settlement_booked_at timestamptz;
