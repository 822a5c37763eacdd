-- The last errors of one model.
CREATE INDEX CONCURRENTLY attempts_failed_by_model ON monitor.attempts (tenant_id, model, ended_at) WHERE outcome = 'failed';
