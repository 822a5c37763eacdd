-- When a job must have ended, so that one that nobody settles is found. Older rows have none, and are left alone.
ALTER TABLE gateway.features ADD COLUMN deadline_at timestamptz;
