-- Replies are taken from each tenant in turn, so that one tenant's thousands do not hold up another's one.
CREATE INDEX upstream_due_by_tenant ON gateway.upstream (tenant_id, due_at) WHERE due_at IS NOT NULL;
