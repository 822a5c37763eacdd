"""Sends what is planned, through aiohttp's server, and writes into the ledger how far it came."""

import asyncio
import socket
import struct

from aiohttp import web

from deploy.model_server.completions import Exchange
from deploy.model_server.plan import Ending
from deploy.model_server.request import receive
from deploy.model_server.service import Service

# On, with no time to linger: closing drops what is unsent and sends a reset.
LINGER_NONE = struct.pack("ii", 1, 0)


async def answer(service: Service, request: web.BaseRequest) -> web.StreamResponse:
    """The handler of aiohttp's server, which cancels it when the client goes away."""
    exchange = service.receive(await receive(request))
    response = web.StreamResponse(status=exchange.plan.status or 200, headers=exchange.plan.headers)
    finished = aborted = False
    try:
        await _carry_out(service, exchange, request, response)
        finished = exchange.plan.ending is Ending.DONE
    except asyncio.CancelledError:
        aborted = True
        raise
    except ConnectionError:
        aborted = True
    finally:
        if exchange.entry is not None:
            service.ledger.ended(exchange.entry, finished=finished, aborted_by_client=aborted)
    return response


async def _carry_out(
    service: Service, exchange: Exchange, request: web.BaseRequest, response: web.StreamResponse
) -> None:
    plan, entry = exchange.plan, exchange.entry
    if plan.delay_s:
        await asyncio.sleep(plan.delay_s)
    if plan.status is not None:
        await response.prepare(request)
        if entry is not None:
            service.ledger.sent(entry, plan.status)
    for piece in plan.pieces:
        if plan.pause_s:
            await asyncio.sleep(plan.pause_s)
        await response.write(piece)
    await _end(plan.ending, request, response)


async def _end(ending: Ending, request: web.BaseRequest, response: web.StreamResponse) -> None:
    match ending:
        case Ending.DONE:
            await response.write_eof()
        case Ending.HANG:
            await asyncio.Future()
        # aiohttp ends every response itself, unless its connection is gone by then.
        case Ending.CUT if request.transport is not None:
            request.transport.close()
        case Ending.RESET if request.transport is not None:
            raw = request.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
            request.transport.abort()
