-- The open feature jobs of one tenant.
CREATE INDEX CONCURRENTLY features_open_of_tenant ON monitor.features (tenant_id, accepted_at) WHERE settlement IS NULL;
