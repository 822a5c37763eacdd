"""GET /api/instances: who is at work in this deployment, from the monitor."""

import orjson
from fastapi import APIRouter, Request, Response

from services.gateway.answers.monitoring import Instances
from services.gateway.edge import json_response
from services.gateway.gateway import gateway_of
from services.gateway.monitor_client import ask_monitor
from services.gateway.routes.documented import documented
from shared.events.topics import BULK_REQUESTS, REQUESTS

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
    if answer.status != 200:
        return Response(answer.body, answer.status, media_type=answer.content_type)
    ages_s = gateway.queue_ages_s()
    waiting_s = {"requests_waiting_s": ages_s[REQUESTS.name], "bulk_waiting_s": ages_s[BULK_REQUESTS.name]}
    return json_response(orjson.loads(answer.body) | waiting_s)
