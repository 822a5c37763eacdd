"""What the jobs service counts."""

from shared.batches import LAST_STATES
from shared.telemetry import names
from shared.telemetry.instruments import Counter, Gauge, begin_at_zero

webhooks_in_hand = Gauge(names.METRIC_WEBHOOKS_IN_HAND, "Webhooks that this worker is calling.")
webhook_tries = Counter(names.METRIC_WEBHOOK_TRIES, "Calls of webhooks' receivers.", ("outcome",))
webhook_events = Counter(
    names.METRIC_WEBHOOK_EVENTS, "Events for webhooks: kept for delivery, or dropped as too many wait.", ("fate",)
)
webhooks_disabled = Counter(
    names.METRIC_WEBHOOKS_DISABLED, "Webhooks disabled, because nothing was taken for too long or they are gone."
)
batches_in_hand = Gauge(names.METRIC_BATCHES_IN_HAND, "Batches that this worker feeds.")
batch_rounds = Counter(
    names.METRIC_BATCH_ROUNDS,
    "Rounds of batches: told by a gateway, refused in part for now, or failed, as no gateway answered.", ("outcome",),
)  # fmt: skip
batch_lines = Counter(names.METRIC_BATCH_LINES_ENDED, "Lines of batches that were written to a file.", ("outcome",))
batches_settled = Counter(names.METRIC_BATCHES_SETTLED, "Batches that came to their end.", ("status",))

begin_at_zero(webhook_tries, ("delivered",), ("failed",))
begin_at_zero(webhook_events, ("kept",), ("dropped",))
begin_at_zero(batch_rounds, ("told",), ("refused",), ("failed",))
begin_at_zero(batch_lines, ("completed",), ("failed",))
begin_at_zero(batches_settled, *((status,) for status in LAST_STATES))
