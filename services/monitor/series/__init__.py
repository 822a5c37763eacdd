"""GET /api/monitoring/timeseries: one measure over time, of a group each."""
