"""Webhooks and their deliveries."""

from typing import Any, Literal

from typing_extensions import TypedDict

from services.gateway.answers.shapes import Count, Id, Instant, Seconds
from shared.webhooks import EventType


class ShownWebhook(TypedDict):
    """waiting: deliveries. failing_since: nothing was taken since. dropped: events that found too many waiting, and are
    not kept. old_secret_until: the secret before the current one signs too."""

    id: Id
    url: str
    events: list[EventType]
    name: str
    enabled: bool
    disabled_at: Instant | None
    disabled_because: str | None
    waiting: Count
    delivered_at: Instant | None
    failing_since: Instant | None
    rests_until: Instant | None
    dropped: Count
    dropped_at: Instant | None
    old_secret_until: Instant | None
    created_at: Instant


class WebhookMade(ShownWebhook):
    """secret: which verifies what is sent; it is never shown again."""

    secret: str


class Webhooks(TypedDict):
    webhooks: list[ShownWebhook]
    total: Count


class SecretMade(TypedDict):
    """secret: it is never shown again. old_secret_until: until then the one before signs too."""

    id: Id
    secret: str
    old_secret_until: Instant


class DeliveryTry(TypedDict):
    """status: null when there was no HTTP answer. error: in words; null when it was taken."""

    at: Instant
    status: Count | None
    error: str | None
    took_s: Seconds


class Delivery(TypedDict):
    """id: also the header `webhook-id`, of every try."""

    id: Id
    type: str
    state: Literal["delivered", "waiting", "failed"]
    accepted_at: Instant
    next_try_at: Instant | None
    settled_at: Instant | None
    tries: list[DeliveryTry]


class DeliveryWithBody(Delivery):
    body: dict[str, Any]


class Deliveries(TypedDict):
    items: list[Delivery]
    next_cursor: Id | None
