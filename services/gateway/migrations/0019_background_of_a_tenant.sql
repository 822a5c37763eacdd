CREATE INDEX CONCURRENTLY background_of_a_tenant ON gateway.background (tenant_id, inference_id);
