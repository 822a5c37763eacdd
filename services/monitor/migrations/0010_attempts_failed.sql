-- The last errors of one tenant.
CREATE INDEX CONCURRENTLY attempts_failed ON monitor.attempts (tenant_id, ended_at) WHERE outcome = 'failed';
