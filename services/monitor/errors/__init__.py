"""GET /api/monitoring/errors: what failed, by type, model, endpoint and cause."""
