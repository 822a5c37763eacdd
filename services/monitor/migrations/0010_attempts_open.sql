-- The open calls of one tenant.
CREATE INDEX CONCURRENTLY attempts_open_of_tenant ON monitor.attempts (tenant_id, started_at) WHERE outcome IS NULL;
