"""GET /api/monitoring/health: how models are and were, from the monitor."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field

from services.gateway.answers.monitoring import HealthHistory
from services.gateway.bodies import validated
from services.gateway.gateway import gateway_of
from services.gateway.monitor_client import ask_monitor
from services.gateway.routes.documented import documented
from services.gateway.routes.lists import RangeQuery
from shared.events.bounds import Reference

router = APIRouter(tags=["monitoring"])

PATH = "/api/monitoring/health"


class HealthQuery(RangeQuery):
    """The range is of the changes that are told."""

    model: Reference | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=400)] | None = None


@router.get(PATH)
@documented(query=HealthQuery, gives=HealthHistory, limited=True)
async def model_health(request: Request) -> Response:
    """What stands now of each model, and the changes within the range, each with what was counted."""
    gateway = gateway_of(request)
    gateway.admit(request, await gateway.caller(request, "monitor"))
    validated(HealthQuery, dict(request.query_params))
    answer = await ask_monitor(gateway.monitor, request, PATH)
    return Response(answer.body, answer.status, media_type=answer.content_type)
