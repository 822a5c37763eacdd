-- The last inferences of one tenant that ended without a call.
CREATE INDEX CONCURRENTLY inferences_never_called ON monitor.inferences (tenant_id, settled_at) WHERE settlement <> 'completed' AND coalesce(attempts, 0) = 0;
