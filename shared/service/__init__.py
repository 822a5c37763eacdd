"""What every service has in common: its settings, how it starts and stops, and what it says of its health."""
