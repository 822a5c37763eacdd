-- The changes of all models of a tenant, newest first.
CREATE INDEX CONCURRENTLY model_health_by_time ON monitor.model_health (tenant_id, changed_at DESC, event_id DESC);
