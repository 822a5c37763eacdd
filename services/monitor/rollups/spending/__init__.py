"""What tenants and their capped sessions have spent."""
