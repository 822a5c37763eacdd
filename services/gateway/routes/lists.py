"""What is in the books, page by page, and as it comes; the monitor answers."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from services.gateway.answers.monitoring import Inferences
from services.gateway.bodies import Query, validated
from services.gateway.gateway import gateway_of
from services.gateway.monitor_client import Relayed, ask_monitor
from services.gateway.routes.documented import CSV, EVENTS, PARQUET, documented
from shared.errors import ErrorType
from shared.events.bounds import Name, Reference, Session
from shared.events.inference import Settlement
from shared.operations import Operation

router = APIRouter(tags=["monitoring"])

INFERENCES = "/api/inferences"
LIVE = "/api/monitoring/live"
EXPORT = "/api/monitoring/export"

_Time = Annotated[str, Field(max_length=40)]


class RangeQuery(Query):
    """from, to: RFC 3339 with a zone, or a date, which is midnight in UTC. window: how far back, as 15m, 1h or 7d, in
    their place. By default the last hour."""

    since: _Time | None = Field(default=None, alias="from")
    until: _Time | None = Field(default=None, alias="to")
    window: Annotated[str, Field(max_length=20)] | None = None


class FilterQuery(Query):
    """tag: name=value, or several with commas between them, all of which must match. key: the id of an API key."""

    model: Reference | None = None
    error_type: ErrorType | None = None
    operation: Operation | None = None
    key: Name | None = None
    session: Session | None = None
    tag: Annotated[str, Field(max_length=5200)] | None = None


class InferencesQuery(RangeQuery, FilterQuery):
    """As its bases say."""

    state: Literal["accepted", "running"] | Settlement | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=400)] | None = None


class LiveQuery(FilterQuery):
    """As its base says. With a state, a session or tags no calls are told, as they have none."""

    state: Settlement | None = None


class ExportQuery(RangeQuery):
    """As its base says."""

    what: Literal["inferences", "attempts"] = "inferences"
    file_format: Literal["csv", "parquet"] = Field(default="csv", alias="format")


@router.get(INFERENCES)
@documented(query=InferencesQuery, gives=Inferences, limited=True)
async def inferences(request: Request) -> Response:
    """The newest first: settled ones by their settlement, open ones by their acceptance. `next_cursor` goes on, with
    the same query; a page may be short, or empty, and have one: `looked_to` says how far back was looked for it."""
    gateway = gateway_of(request)
    gateway.admit(request, await gateway.caller(request, "monitor"))
    validated(InferencesQuery, dict(request.query_params))
    answer = await ask_monitor(gateway.monitor, request, INFERENCES)
    return Response(answer.body, answer.status, media_type=answer.content_type)


@router.get(LIVE)
@documented(query=LiveQuery, gives=str, streams=(EVENTS,), fails=(429,))
async def live(request: Request) -> Response:
    """Server-sent events from now on: `inference` for each that is settled, `attempt` for each call that fails. After a
    lost connection, `Last-Event-ID` brings what was settled meanwhile, up to an hour back; `gap` says what it does not
    bring. `end` says why a feed is over; connect again."""
    gateway = gateway_of(request)
    await gateway.caller(request, "monitor")
    validated(LiveQuery, dict(request.query_params))
    return Relayed(gateway.monitor, request, LIVE)


@router.get(EXPORT)
@documented(query=ExportQuery, gives=str, streams=(CSV, PARQUET), fails=(429,))
async def export(request: Request) -> Response:
    """A file of all inferences, or of all calls, that ended within the range, and of those that are open; the newest
    first. It comes as it is made; one that breaks off is not whole."""
    gateway = gateway_of(request)
    await gateway.caller(request, "monitor")
    validated(ExportQuery, dict(request.query_params))
    return Relayed(gateway.monitor, request, EXPORT)
