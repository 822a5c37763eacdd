"""GET /api/models/custom/monitoring: the books, summed up by the monitor."""

from fastapi import APIRouter, Request, Response

from services.gateway.gateway import gateway_of
from services.gateway.monitor_client import ask_monitor
from services.gateway.routes.documented import AUTHENTICATED

router = APIRouter(tags=["monitoring"])

PATH = "/api/models/custom/monitoring"


@router.get(PATH, openapi_extra=AUTHENTICATED)
async def monitoring(request: Request) -> Response:
    gateway = gateway_of(request)
    gateway.admit(request, await gateway.caller(request, "monitor"))
    answer = await ask_monitor(gateway.monitor, request, PATH)
    return Response(answer.body, answer.status, media_type=answer.content_type)
