-- The few models of which the monitor knows more than that they are called.
CREATE INDEX CONCURRENTLY custom_models_watched ON gateway.custom_models (tenant_id, model_id)
WHERE health IS NOT NULL OR probe IS NOT NULL;
