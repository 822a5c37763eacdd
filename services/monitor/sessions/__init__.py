"""What the sessions of a tenant cost."""
