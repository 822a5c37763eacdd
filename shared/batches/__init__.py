"""Batches: what gateways, which take them in and speak for their lines, and workers, which feed them, both know."""

from shared.batches.values import ENDPOINTS, LAST_STATES, Endpoint, Status, batch_name, batch_of_name

__all__ = ["ENDPOINTS", "LAST_STATES", "Endpoint", "Status", "batch_name", "batch_of_name"]
