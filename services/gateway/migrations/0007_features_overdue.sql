CREATE INDEX CONCURRENTLY features_overdue ON gateway.features (deadline_at) WHERE settled_at IS NULL;
