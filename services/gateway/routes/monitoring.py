"""GET /api/models/custom/monitoring: the books, summed up by the monitor."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field, StringConstraints

from services.gateway.answers.monitoring import Summary
from services.gateway.bodies import Query, validated
from services.gateway.gateway import gateway_of
from services.gateway.monitor_client import ask_monitor
from services.gateway.routes.documented import documented
from shared.events.bounds import Reference

router = APIRouter(tags=["monitoring"])

PATH = "/api/models/custom/monitoring"


_WINDOW = "^([1-9][0-9]{0,5}s|[1-9][0-9]{0,4}m|[1-9][0-9]{0,2}h|([1-9][0-9]?|[1-3][0-9]{2}|400)d)$"


class MonitoringQuery(Query):
    """What the monitor reads, which knows best what a window is: how far back (15m, 1h or 7d, at most 400d)."""

    window: Annotated[str, StringConstraints(max_length=20), Field(json_schema_extra={"pattern": _WINDOW})] = "1h"
    model: Reference | None = None


@router.get(PATH)
@documented(query=MonitoringQuery, gives=Summary, limited=True)
async def monitoring(request: Request) -> Response:
    gateway = gateway_of(request)
    gateway.admit(request, await gateway.caller(request, "monitor"))
    validated(MonitoringQuery, dict(request.query_params))
    answer = await ask_monitor(gateway.monitor, request, PATH)
    return Response(answer.body, answer.status, media_type=answer.content_type)
