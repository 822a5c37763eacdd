-- The minute that runs of a tenant that is busy, in slices of five seconds (decision 0047): a turn sums up only the slices
-- that bookings have touched, and a read counts only the rows of these. Bookings touch slices; of a minute that is not
-- sliced any slice stands for the whole minute, as those do that were touched before.
ALTER TABLE monitor.touched_minutes RENAME TO touched_slices;
ALTER TABLE monitor.touched_slices RENAME COLUMN minute TO at;

-- A monitor of the version before this one books as ever while it runs beside one of this version. It cannot take touches
-- from here: it would sum up a minute, and none of its slices.
CREATE VIEW monitor.touched_minutes AS
SELECT DISTINCT tenant_id, date_trunc('minute', at, 'UTC') AS minute FROM monitor.touched_slices;
CREATE RULE touch AS ON INSERT TO monitor.touched_minutes
DO INSTEAD INSERT INTO monitor.touched_slices (tenant_id, at) VALUES (NEW.tenant_id, NEW.minute);

-- Minutes of which every slice that is not touched is summed up. Of others there are no sums by slice.
CREATE TABLE monitor.sliced_minutes (tenant_id text, at timestamptz, PRIMARY KEY (tenant_id, at));

CREATE TABLE monitor.calls_by_slice (LIKE monitor.calls_by_minute INCLUDING DEFAULTS);
CREATE TABLE monitor.requests_by_slice (LIKE monitor.requests_by_minute INCLUDING DEFAULTS);
CREATE TABLE monitor.key_calls_by_slice (LIKE monitor.key_calls_by_minute INCLUDING DEFAULTS);
CREATE TABLE monitor.key_requests_by_slice (LIKE monitor.key_requests_by_minute INCLUDING DEFAULTS);
CREATE INDEX calls_by_slice_at ON monitor.calls_by_slice (at, tenant_id);
CREATE INDEX requests_by_slice_at ON monitor.requests_by_slice (at, tenant_id);
CREATE INDEX key_calls_by_slice_at ON monitor.key_calls_by_slice (at, tenant_id, key_id);
CREATE INDEX key_requests_by_slice_at ON monitor.key_requests_by_slice (at, tenant_id, key_id);
