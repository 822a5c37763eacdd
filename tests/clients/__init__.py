"""Clients of others, unmodified, over every surface and kind of endpoint: `make clients`."""
