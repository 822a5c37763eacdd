"""Bodies and queries about webhooks."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from services.gateway.bodies import Query, StrictBody
from shared.registry.definition import EndpointUrl
from shared.webhooks import EVENT_TYPES, EventType

State = Literal["delivered", "waiting", "failed"]
Events = Annotated[list[EventType], Field(min_length=1, max_length=2 * len(EVENT_TYPES))]
Label = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]


class WebhookCreate(StrictBody):
    """POST /api/webhooks. name: to know it again."""

    url: EndpointUrl
    events: Events
    name: Label = ""


class WebhookChange(StrictBody):
    """PATCH /api/webhooks/{id}: only what is sent is changed. enabled: true also after it was disabled by failures."""

    url: EndpointUrl | None = None
    events: Events | None = None
    name: Label | None = None
    enabled: bool | None = None


class DeliveriesQuery(Query):
    """GET /api/webhooks/{id}/deliveries; cursor: the `next_cursor` of the last answer."""

    state: State | None = None
    limit: int = Field(default=50, ge=1, le=200)
    cursor: UUID | None = None
