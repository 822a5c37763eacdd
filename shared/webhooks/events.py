"""Pure: what a webhook can be told of."""

from typing import Any, Literal, get_args

import orjson

# inference.failed: of the settled ones, those that were not completed. What is added here needs a function in
# services/jobs/webhooks/facts.py, and a row in docs/webhooks.md.
EventType = Literal[
    "inference.settled", "inference.failed", "feature.settled", "batch.finished", "model.health", "budget.reached"
]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)
TEST = "webhook.test"

MOST_WAITING = 10_000  # deliveries of one webhook that wait: some 10 MB, and minutes of a receiver that is back


def message(kind: str, timestamp: str, data: dict[str, Any]) -> str:
    """The body of a delivery, as Standard Webhooks has it. timestamp: when it happened, RFC 3339."""
    return orjson.dumps({"type": kind, "timestamp": timestamp, "data": data}).decode()
