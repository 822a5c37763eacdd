"""A body comes in time and within the limits, or its sender is told why not."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from services.gateway.edge import BodyLimits, EdgeMiddleware, error_response, read_body
from services.gateway.inference.shares import Shares
from shared.errors import TallygateError, failure


def limits(most: int, most_held: int, timeout_s: float, share: float = 1.0) -> BodyLimits:
    return BodyLimits(most, Shares(most_held, share), timeout_s)


def sending(*chunks: bytes, ends: bool = True) -> Request:
    messages: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if ends:
        messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    scope = {"type": "http", "method": "POST", "path": "/v1/x", "headers": [], "query_string": b""}
    return Request(scope, receive)


async def test_a_body_that_does_not_come_to_its_end_is_a_408_and_its_connection_is_closed() -> None:
    request = sending(b"{", ends=False)
    with pytest.raises(TallygateError, match="did not come within") as caught:
        await read_body(request, "acme", limits(100, 100, 0.05))
    response = error_response(request, caught.value.failure, caught.value)
    assert (response.status_code, response.headers["connection"]) == (408, "close")


@pytest.mark.parametrize("chunks", [(b"x" * 101,), (b"x" * 60, b"x" * 60)])
async def test_a_body_over_the_limit_is_refused(chunks: Sequence[bytes]) -> None:
    with pytest.raises(TallygateError, match="payload_too_large"):
        await read_body(sending(*chunks), "acme", limits(100, 1000, 1.0))


async def test_all_bodies_together_hold_no_more_than_the_limit_until_they_are_answered() -> None:
    shared = limits(100, 150, 1.0)
    answered = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(Request(scope, receive), "acme", shared)
        await answered.wait()
        await error_response(Request(scope), failure("internal", "x"))(scope, receive, send)

    async def send(_: Message) -> None:
        return None

    first = sending(b"x" * 100)
    in_work = asyncio.create_task(EdgeMiddleware(app)(first.scope, first.receive, send))
    await asyncio.sleep(0)
    with pytest.raises(TallygateError, match="bodies in work hold"):
        await read_body(sending(b"x" * 60), "acme", shared)

    shared_fairly = limits(100, 150, 1.0, share=0.5)
    await read_body(sending(b"x" * 80), "acme", shared_fairly)
    with pytest.raises(TallygateError, match="too_many_requests"):
        await read_body(sending(b"x" * 60), "acme", shared_fairly)
    assert await read_body(sending(b"x" * 60), "another", shared_fairly)

    answered.set()
    await in_work
    assert shared.held.held == 0
    assert await read_body(sending(b"x" * 60), "acme", shared) == b"x" * 60
