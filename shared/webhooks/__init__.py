"""Webhooks: what gateways, which keep them, and workers, which carry events to them, both know."""

from shared.webhooks.events import EVENT_TYPES, MOST_WAITING, TEST, EventType

__all__ = ["EVENT_TYPES", "MOST_WAITING", "TEST", "EventType"]
