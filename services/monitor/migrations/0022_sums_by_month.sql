-- Sums by UTC month above those by day (decision 0022): a year is read from twelve months, and the days at its ends.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['calls', 'requests', 'key_calls', 'key_requests', 'calls_of_keys', 'requests_of_keys',
                                'calls_in_all', 'requests_in_all', 'errors', 'sessions'] LOOP
        EXECUTE format('CREATE TABLE monitor.%1$s_by_month (LIKE monitor.%1$s_by_day INCLUDING INDEXES)', name);
    END LOOP;
END $$;

-- Months whose sums are not those of their days (yet): they are read by days.
CREATE TABLE monitor.touched_months (tenant_id text, at timestamptz, PRIMARY KEY (tenant_id, at));

-- Months that are over are summed up by the first monitor that starts.
INSERT INTO monitor.touched_months (tenant_id, at)
SELECT tenant_id, date_trunc('month', at, 'UTC') FROM monitor.calls_by_day
UNION SELECT tenant_id, date_trunc('month', at, 'UTC') FROM monitor.requests_by_day
UNION SELECT tenant_id, date_trunc('month', at, 'UTC') FROM monitor.touched_days;
