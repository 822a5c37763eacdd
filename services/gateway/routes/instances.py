"""GET /api/instances: who is at work in this deployment, from the monitor."""

from fastapi import APIRouter, Request, Response

from services.gateway.answers.monitoring import Instances
from services.gateway.gateway import gateway_of
from services.gateway.monitor_client import ask_monitor
from services.gateway.routes.documented import documented

router = APIRouter(tags=["monitoring"])

PATH = "/api/instances"


@router.get(PATH)
@documented(gives=Instances)
async def instances(request: Request) -> Response:
    """For operators: the routers that were heard in the last minute, the requests that wait for one, what lost routers
    had claimed, how far the books are behind, and the dead letters of each topic, of all tenants."""
    gateway = gateway_of(request)
    await gateway.caller(request, "admin")
    answer = await ask_monitor(gateway.monitor, request, PATH)
    return Response(answer.body, answer.status, media_type=answer.content_type)
