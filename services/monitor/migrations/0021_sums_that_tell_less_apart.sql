-- Sums by hour and day of keys alone, and of everything together (decision 0022): a series over long is read from few rows.
-- Their minutes are those of key_calls and key_requests, and of calls and requests. A request counts once.
CREATE TABLE monitor.calls_in_all_by_hour (LIKE monitor.calls_by_hour);
CREATE TABLE monitor.requests_in_all_by_hour (LIKE monitor.requests_by_hour);
ALTER TABLE monitor.calls_in_all_by_hour
    DROP COLUMN model, DROP COLUMN server_address, DROP COLUMN operation_name, DROP COLUMN error_type,
    DROP COLUMN prompt_from;
ALTER TABLE monitor.requests_in_all_by_hour
    DROP COLUMN model, DROP COLUMN server_address, DROP COLUMN operation_name, DROP COLUMN error_type,
    DROP COLUMN passed_over;
CREATE TABLE monitor.calls_in_all_by_day (LIKE monitor.calls_in_all_by_hour);
CREATE TABLE monitor.requests_in_all_by_day (LIKE monitor.requests_in_all_by_hour);
CREATE INDEX calls_in_all_by_hour_at ON monitor.calls_in_all_by_hour (at, tenant_id);
CREATE INDEX calls_in_all_by_day_at ON monitor.calls_in_all_by_day (at, tenant_id);
CREATE INDEX requests_in_all_by_hour_at ON monitor.requests_in_all_by_hour (at, tenant_id);
CREATE INDEX requests_in_all_by_day_at ON monitor.requests_in_all_by_day (at, tenant_id);

CREATE TABLE monitor.calls_of_keys_by_hour (LIKE monitor.calls_in_all_by_hour, key_id text NOT NULL);
CREATE TABLE monitor.calls_of_keys_by_day (LIKE monitor.calls_of_keys_by_hour);
CREATE TABLE monitor.requests_of_keys_by_hour (LIKE monitor.requests_in_all_by_hour, key_id text NOT NULL);
CREATE TABLE monitor.requests_of_keys_by_day (LIKE monitor.requests_of_keys_by_hour);
CREATE INDEX calls_of_keys_by_hour_at ON monitor.calls_of_keys_by_hour (at, tenant_id, key_id);
CREATE INDEX calls_of_keys_by_day_at ON monitor.calls_of_keys_by_day (at, tenant_id, key_id);
CREATE INDEX requests_of_keys_by_hour_at ON monitor.requests_of_keys_by_hour (at, tenant_id, key_id);
CREATE INDEX requests_of_keys_by_day_at ON monitor.requests_of_keys_by_day (at, tenant_id, key_id);

-- From the sums that there are. What is touched is read from minutes, and summed up anew.
CREATE FUNCTION pg_temp.merged(histograms jsonb[]) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(bucket, n)
    FROM (SELECT bucket, sum(count::bigint) AS n
          FROM unnest(histograms) AS one, jsonb_each_text(one) AS h (bucket, count) GROUP BY bucket) AS of_bucket
$$;
DO $$
DECLARE
    step text;
    kind record;
BEGIN
    FOREACH step IN ARRAY ARRAY['hour', 'day'] LOOP
        FOR kind IN SELECT * FROM (VALUES ('in_all', '', ''), ('of_keys', 'key_', 'key_id, ')) AS k (name, source, key)
        LOOP
            EXECUTE format($sql$
                INSERT INTO monitor.calls_%1$s_by_%2$s (tenant_id, at, %4$s outcome, calls, usd, input_tokens,
                    output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, reported, estimated, unknown,
                    latency, first_chunk, per_chunk)
                SELECT tenant_id, at, %4$s outcome, sum(calls), sum(usd), sum(input_tokens), sum(output_tokens),
                       sum(cache_read_tokens), sum(cache_write_tokens), sum(reasoning_tokens), sum(reported),
                       sum(estimated), sum(unknown), pg_temp.merged(array_agg(latency)),
                       pg_temp.merged(array_agg(first_chunk)), pg_temp.merged(array_agg(per_chunk))
                FROM monitor.%3$scalls_by_%2$s GROUP BY tenant_id, at, %4$s outcome;
                INSERT INTO monitor.requests_%1$s_by_%2$s (tenant_id, at, %4$s settlement, requests, fallbacks,
                    duration_s, latency)
                SELECT tenant_id, at, %4$s settlement, sum(requests), sum(fallbacks), sum(duration_s),
                       pg_temp.merged(array_agg(latency))
                FROM monitor.%3$srequests_by_%2$s WHERE passed_over = '' GROUP BY tenant_id, at, %4$s settlement;
            $sql$, kind.name, step, kind.source, kind.key);
        END LOOP;
    END LOOP;
END $$;
