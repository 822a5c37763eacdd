-- Attempts, inferences, late words and feature jobs lie in one partition for each day, by the time in their UUIDv7, so
-- that a day is deleted by dropping a table. The monitor makes the days (services/monitor/retention, decision 0021).
-- What was there before is not copied: the old table becomes the partition of everything until tomorrow.
--   *_past     ids until the day after this migration
--   *_YYYYMMDD ids of one day
--   *_foreign  ids from the year 2100 on: their maker did not put the time into them
--   *_other    all other ids, such as those of a day that was dropped

CREATE FUNCTION pg_temp.first_id(at timestamptz) RETURNS uuid LANGUAGE sql AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

ALTER TABLE monitor.attempts DROP CONSTRAINT attempts_pkey;
ALTER TABLE monitor.late_words DROP CONSTRAINT late_words_pkey;
ALTER TABLE monitor.attempts ADD CONSTRAINT attempts_pkey PRIMARY KEY USING INDEX attempts_by_inference_and_id;
ALTER TABLE monitor.late_words ADD CONSTRAINT late_words_pkey PRIMARY KEY USING INDEX late_words_by_inference_and_id;

-- Only the summary of raw rows read the first one; the second one is what the new primary key begins with.
DROP INDEX monitor.attempts_by_tenant, monitor.attempts_by_inference, monitor.attempts_open;

DO $$
DECLARE
    owned record;
    tomorrow uuid := pg_temp.first_id((date_trunc('day', now(), 'UTC') + interval '1 day'));
    foreign_ids uuid := pg_temp.first_id('2100-01-01 00:00:00+00');
    renamed record;
BEGIN
    FOR owned IN SELECT * FROM (VALUES ('attempts', 'inference_id'), ('inferences', 'inference_id'),
                                       ('late_words', 'inference_id'), ('features', 'feature_id')) AS t (name, key)
    LOOP
        EXECUTE format('ALTER TABLE monitor.%I RENAME TO %I', owned.name, owned.name || '_past');
        FOR renamed IN SELECT indexname FROM pg_indexes
                       WHERE schemaname = 'monitor' AND tablename = owned.name || '_past'
        LOOP
            EXECUTE format('ALTER INDEX monitor.%I RENAME TO %I', renamed.indexname, renamed.indexname || '_past');
        END LOOP;
        EXECUTE format('CREATE TABLE monitor.%1$I (LIKE monitor.%2$I INCLUDING ALL) PARTITION BY RANGE (%3$I)',
                       owned.name, owned.name || '_past', owned.key);
        EXECUTE format('CREATE TABLE monitor.%I PARTITION OF monitor.%I FOR VALUES FROM (%L) TO (MAXVALUE)',
                       owned.name || '_foreign', owned.name, foreign_ids);
        EXECUTE format('CREATE TABLE monitor.%I PARTITION OF monitor.%I DEFAULT', owned.name || '_other', owned.name);
        EXECUTE format('WITH ahead AS (DELETE FROM monitor.%1$I WHERE %3$I >= %4$L RETURNING *) '
                       'INSERT INTO monitor.%2$I SELECT * FROM ahead',
                       owned.name || '_past', owned.name, owned.key, tomorrow);
        EXECUTE format('ALTER TABLE monitor.%I ATTACH PARTITION monitor.%I FOR VALUES FROM (MINVALUE) TO (%L)',
                       owned.name, owned.name || '_past', tomorrow);
    END LOOP;
END $$;

-- kept_from: the books hold what was accepted since; what is still said of the days before is a late word. gone_before:
-- the rows before may have been dropped. days_from: the first day that may have a partition of its own.
CREATE TABLE monitor.retention (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    kept_from   timestamptz NOT NULL,
    gone_before timestamptz NOT NULL,
    days_from   date NOT NULL
);
INSERT INTO monitor.retention (kept_from, gone_before, days_from)
VALUES ('2000-01-01 00:00:00+00', '2000-01-01 00:00:00+00', (now() AT TIME ZONE 'UTC')::date + 1);
