"""Sends what is planned, through aiohttp's server, and writes into the ledger how far it came."""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable

from aiohttp import web

from deploy.model_server.completions import Exchange
from deploy.model_server.pacing import Pacer
from deploy.model_server.plan import Ending, Piece, Plan
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
    await _send_body(plan, request, response, lambda piece: service.passed_on(exchange, piece))
    await _end(plan.ending, request, response)


async def _send_body(
    plan: Plan, request: web.BaseRequest, response: web.StreamResponse, passed_on: Callable[[Piece], None]
) -> None:
    await _write(plan.pieces, response, passed_on)
    if plan.paced is not None and request.transport is not None:
        await Pacer(request.transport, plan.paced, passed_on).run()
        await _write(plan.paced.rest, response, passed_on)


async def _write(pieces: Iterable[Piece], response: web.StreamResponse, passed_on: Callable[[Piece], None]) -> None:
    for piece in pieces:
        if piece.pause_s:
            await asyncio.sleep(piece.pause_s)
        await response.write(piece.data)
        passed_on(piece)


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
