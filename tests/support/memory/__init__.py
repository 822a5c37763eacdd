"""Stores in memory, with the verbs of those that speak SQL. `tests/stores` holds each to PostgreSQL."""
