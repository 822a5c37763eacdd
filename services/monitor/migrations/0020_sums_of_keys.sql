-- By key and nothing else (decision 0022): by hour and day; their minutes are those of key_calls and key_requests. outcome and
-- settlement as there; a request counts once.
CREATE TABLE monitor.calls_of_keys_by_hour (LIKE monitor.key_calls_by_hour);
CREATE TABLE monitor.requests_of_keys_by_hour (LIKE monitor.key_requests_by_hour);
ALTER TABLE monitor.calls_of_keys_by_hour
    DROP COLUMN model, DROP COLUMN server_address, DROP COLUMN operation_name, DROP COLUMN error_type,
    DROP COLUMN prompt_from;
ALTER TABLE monitor.requests_of_keys_by_hour
    DROP COLUMN model, DROP COLUMN server_address, DROP COLUMN operation_name, DROP COLUMN error_type,
    DROP COLUMN passed_over;
CREATE TABLE monitor.calls_of_keys_by_day (LIKE monitor.calls_of_keys_by_hour);
CREATE TABLE monitor.requests_of_keys_by_day (LIKE monitor.requests_of_keys_by_hour);
CREATE INDEX calls_of_keys_by_hour_at ON monitor.calls_of_keys_by_hour (at, tenant_id, key_id);
CREATE INDEX calls_of_keys_by_day_at ON monitor.calls_of_keys_by_day (at, tenant_id, key_id);
CREATE INDEX requests_of_keys_by_hour_at ON monitor.requests_of_keys_by_hour (at, tenant_id, key_id);
CREATE INDEX requests_of_keys_by_day_at ON monitor.requests_of_keys_by_day (at, tenant_id, key_id);

-- Hours that have sums by key are summed up again, and their days; until then they are read from their minutes.
INSERT INTO monitor.touched_hours (tenant_id, at)
SELECT tenant_id, at FROM monitor.key_calls_by_hour UNION SELECT tenant_id, at FROM monitor.key_requests_by_hour
ON CONFLICT DO NOTHING;
