CREATE INDEX CONCURRENTLY results_by_age ON gateway.results (kept_until);
