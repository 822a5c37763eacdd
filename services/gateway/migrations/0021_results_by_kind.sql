CREATE UNIQUE INDEX CONCURRENTLY results_by_kind ON gateway.results (inference_id, ce_type);
