"""What operators see: names declared once, structured logs, traces that cost nothing when off, metrics."""
