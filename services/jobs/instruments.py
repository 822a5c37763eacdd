"""What the jobs service counts."""

from shared.telemetry import names
from shared.telemetry.instruments import Counter, Gauge

webhooks_in_hand = Gauge(names.METRIC_WEBHOOKS_IN_HAND, "Webhooks that this worker is calling.")
webhook_tries = Counter(names.METRIC_WEBHOOK_TRIES, "Calls of webhooks' receivers.", ("outcome",))
webhook_events = Counter(
    names.METRIC_WEBHOOK_EVENTS, "Events for webhooks: kept for delivery, or dropped as too many wait.", ("fate",)
)
webhooks_disabled = Counter(
    names.METRIC_WEBHOOKS_DISABLED, "Webhooks disabled, because nothing was taken for too long or they are gone."
)
