-- Routers that have claimed an inference without calling for it: {router_id: {delivery, held_at, handed_back}}.
ALTER TABLE monitor.inferences ADD COLUMN held_by jsonb;
