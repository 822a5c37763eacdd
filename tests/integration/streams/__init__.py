"""Streams through the whole path: what callers are told, against the endpoint's own ledger and against the books."""
