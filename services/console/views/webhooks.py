"""Webhooks: what can be told, in words, and the form of a new one as the gateway takes it."""

from typing import Any

from services.console.views.fields import Fields, given, text

# By type, as the gateway names it.
WORDS = {
    "inference.settled": "every inference that has ended",
    "inference.failed": "only those that were not completed",
    "feature.settled": "every feature job that has ended",
    "batch.finished": "every batch that has ended",
    "model.health": "a model's health has changed",
    "budget.reached": "a budget is used up",
}
_STATES = ("waiting", "delivered", "failed")


def add_body(fields: Fields) -> dict[str, Any]:
    """For POST /api/webhooks."""
    events = [name for name in WORDS if f"event_{name}" in fields]
    return given({"name": text(fields, "name")}) | {"url": fields.get("url", "").strip(), "events": events}


def wanted(state: str | None) -> str | None:
    """Of deliveries; None: all."""
    return state if state in _STATES else None
