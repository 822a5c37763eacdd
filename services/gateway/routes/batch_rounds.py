"""Where workers that feed batches ask: not for callers. What is sent is sealed under the deployment's keys, which is
its proof; whoever cannot seal is told no more than that there is nothing here."""

import asyncio
from contextlib import suppress
from uuid import UUID

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.gateway.edge import traceparent
from services.gateway.gateway import gateway_of
from shared.batches.rounds import (
    BATCH_HEADER,
    MOST_BYTES,
    PATH,
    TENANT_HEADER,
    UnreadableRoundError,
    open_round,
    sealed_told,
)
from shared.events import utc_now

_HOLDER = "batches"  # of the bytes of all rounds, as if it were a tenant

logger = structlog.get_logger(__name__)


async def batch_round(request: Request) -> Response:
    tenant_id, batch_id = request.headers.get(TENANT_HEADER, ""), _uuid(request.headers.get(BATCH_HEADER, ""))
    size = int(request.headers.get("content-length", MOST_BYTES + 1))
    if batch_id is None or size > MOST_BYTES:
        raise HTTPException(404)
    gateway = gateway_of(request)
    gateway.bodies.hold(request, _HOLDER, size)  # whoever it is: that is known when all has come
    try:
        async with asyncio.timeout(gateway.bodies.timeout_s):
            body = await request.body()
        asked = open_round(gateway.ring, tenant_id, batch_id, body, utc_now())
    except TimeoutError:
        raise HTTPException(408) from None
    except UnreadableRoundError as error:
        logger.warning("batch_round.refused", reason=str(error))
        raise HTTPException(404) from None
    told = await gateway.batch_rounds.told(tenant_id, batch_id, asked, traceparent(request))
    sealed = sealed_told(gateway.ring, tenant_id, batch_id, asked.nonce, told)
    return Response(sealed, media_type="application/octet-stream")


def _uuid(text: str) -> UUID | None:
    with suppress(ValueError):
        return UUID(text)
    return None


ROUTE = Route(PATH, batch_round, methods=["POST"], include_in_schema=False)
