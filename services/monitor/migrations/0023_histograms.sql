-- A histogram as two arrays in place of a JSON object: the buckets that have calls, in their order, and how many calls lie
-- in each of them and all before. The percentile of a row is looked up in it, without taking the row apart.
CREATE TYPE monitor.histogram AS (buckets smallint[], upto bigint[]);

CREATE FUNCTION pg_temp.histogram(counts jsonb) RETURNS monitor.histogram LANGUAGE sql STRICT IMMUTABLE AS $$
    SELECT ROW (array_agg(bucket ORDER BY bucket), array_agg(upto ORDER BY bucket))::monitor.histogram
    FROM (SELECT bucket::smallint, sum(n::bigint) OVER (ORDER BY bucket::smallint)::bigint AS upto
          FROM jsonb_each_text(counts) AS h (bucket, n)) AS of_bucket
$$;

DO $$
DECLARE
    kind text;
    step text;
BEGIN
    FOREACH step IN ARRAY ARRAY['minute', 'hour', 'day', 'month'] LOOP
        FOREACH kind IN ARRAY ARRAY['', 'key_'] LOOP
            EXECUTE format($sql$
                ALTER TABLE monitor.%1$scalls_by_%2$s
                    ALTER COLUMN latency TYPE monitor.histogram USING pg_temp.histogram(latency),
                    ALTER COLUMN first_chunk TYPE monitor.histogram USING pg_temp.histogram(first_chunk),
                    ALTER COLUMN per_chunk TYPE monitor.histogram USING pg_temp.histogram(per_chunk);
                ALTER TABLE monitor.%1$srequests_by_%2$s
                    ALTER COLUMN latency TYPE monitor.histogram USING pg_temp.histogram(latency);
            $sql$, kind, step);
        END LOOP;
    END LOOP;
    FOREACH step IN ARRAY ARRAY['hour', 'day', 'month'] LOOP
        FOREACH kind IN ARRAY ARRAY['in_all', 'of_keys'] LOOP
            EXECUTE format($sql$
                ALTER TABLE monitor.calls_%1$s_by_%2$s
                    ALTER COLUMN latency TYPE monitor.histogram USING pg_temp.histogram(latency),
                    ALTER COLUMN first_chunk TYPE monitor.histogram USING pg_temp.histogram(first_chunk),
                    ALTER COLUMN per_chunk TYPE monitor.histogram USING pg_temp.histogram(per_chunk);
                ALTER TABLE monitor.requests_%1$s_by_%2$s
                    ALTER COLUMN latency TYPE monitor.histogram USING pg_temp.histogram(latency);
            $sql$, kind, step);
        END LOOP;
    END LOOP;
END $$;
