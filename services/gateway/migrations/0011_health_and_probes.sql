-- From when on a model is degraded or unhealthy, and how often it is probed (shared/registry/health.py). NULL: as the
-- deployment says, and never.
ALTER TABLE gateway.custom_models ADD COLUMN health jsonb, ADD COLUMN probe jsonb;
