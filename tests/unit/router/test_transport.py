"""The dial: custom models through the guard, provider models as the operator configured them."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import orjson
import pytest

from services.router.room import Room, RoomLimits, Seat
from services.router.settings import TracedEndpoints
from services.router.transport import CallFailedError, Hold, Transport
from shared.errors import Failure
from shared.guard import Guard
from shared.operations import WireFormat
from shared.registry import Model
from shared.registry.secrets import ModelSecrets
from shared.wire import Completion, Question
from tests.unit.router.values import holds_all, model
from tests.unit.shared.guard.fakes import PUBLIC, FakeDns, Loopback, dns, loopback_server

BODY = orjson.dumps({"model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}}]})
COMPLETION = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
REQUEST = {"messages": [{"role": "user", "content": "hi"}]}
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@asynccontextmanager
async def running_transport(guard: Guard, traced: TracedEndpoints = "none") -> AsyncIterator[Transport]:
    transport = Transport(5.0, 100_000, guard, traced=traced)
    await transport.start()
    try:
        yield transport
    finally:
        await transport.stop()


async def call(transport: Transport, called: Model, hold: Hold = holds_all) -> Completion:
    return await transport.complete(called, ModelSecrets("opensesame", {}), Question(REQUEST), "r-1", 10.0, hold)


async def failure_of(guard: Guard, called: Model) -> Failure:
    async with running_transport(guard) as transport:
        with pytest.raises(CallFailedError) as caught:
            await call(transport, called)
    return caught.value.failure


async def test_a_custom_model_at_a_literal_address_that_is_not_allowed_is_not_called() -> None:
    async with loopback_server(COMPLETION) as server:
        call_failure = await failure_of(Guard(), model(endpoint_url=f"http://127.0.0.1:{server.port}/v1"))
        assert server.connections == 0
    assert (call_failure.error_type, call_failure.retryable, call_failure.fallback) == (
        "endpoint_forbidden",
        False,
        True,
    )
    assert call_failure.detail == f"127.0.0.1:{server.port} may not be called: it is a loopback address"


async def test_a_custom_model_whose_name_turned_private_after_it_was_saved_is_not_called() -> None:
    async with loopback_server(COMPLETION) as server:
        guard = Guard(resolve=FakeDns([[PUBLIC], ["127.0.0.1"]]).resolve)
        url = f"http://rebinding.example:{server.port}/v1"
        await guard.check(url)
        call_failure = await failure_of(guard, model(endpoint_url=url))
        assert server.connections == 0
    assert (call_failure.error_type, call_failure.retryable) == ("endpoint_forbidden", False)
    why = "the host resolves to an address that is not public"
    assert call_failure.detail == f"rebinding.example:{server.port} may not be called: {why}"


async def test_a_custom_model_in_an_allowed_network_is_called() -> None:
    async with loopback_server(COMPLETION) as server, running_transport(Guard(LOOPBACK, dns("127.0.0.1"))) as transport:
        await call(transport, model(endpoint_url=f"http://gpu.invalid:{server.port}/v1"))
        await call(transport, model(endpoint_url=f"http://gpu.invalid:{server.port}/v1"))
        assert (server.connections, len(server.heads)) == (1, 2)


async def test_a_provider_model_is_called_wherever_it_is() -> None:
    async with loopback_server(COMPLETION) as server, running_transport(Guard()) as transport:
        provided = model(id="inhouse:m", endpoint_url=f"http://127.0.0.1:{server.port}/v1")
        await call(transport, provided)
        assert server.connections == 1


async def test_a_connection_of_a_provider_model_is_not_lent_to_a_custom_model() -> None:
    async with loopback_server(COMPLETION) as server, running_transport(Guard()) as transport:
        url = f"http://127.0.0.1:{server.port}/v1"
        await call(transport, model(id="inhouse:m", endpoint_url=url))
        with pytest.raises(CallFailedError, match="loopback"):
            await call(transport, model(endpoint_url=url))
        assert (server.connections, len(server.heads)) == (1, 1)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("model_id", ["custom:m", "inhouse:m"])
async def test_a_redirect_is_not_followed(status: str, model_id: str) -> None:
    async with loopback_server(COMPLETION) as inner:
        redirect = f"HTTP/1.1 {status}\r\nlocation: http://127.0.0.1:{inner.port}/v1\r\ncontent-length: 0\r\n\r\n"
        async with loopback_server(redirect.encode()) as outer:
            called = model(id=model_id, endpoint_url=f"http://127.0.0.1:{outer.port}/v1")
            call_failure = await failure_of(Guard(LOOPBACK), called)
        assert (outer.connections, inner.connections) == (1, 0)
    assert call_failure.error_type == "endpoint_not_found"


async def test_what_cannot_be_said_in_the_endpoints_format_is_not_sent_and_left_to_another_candidate() -> None:
    async with loopback_server(COMPLETION) as server, running_transport(Guard(LOOPBACK)) as transport:
        claude = model(wire_format="anthropic", endpoint_url=f"http://127.0.0.1:{server.port}/v1")
        asked = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "http://h/cat.png"}]}]}
        with pytest.raises(CallFailedError) as caught:
            await transport.complete(claude, ModelSecrets("opensesame", {}), Question(asked), "r-1", 10.0, holds_all)
        assert server.heads == []
    call_failure = caught.value.failure
    assert (call_failure.error_type, call_failure.retryable, call_failure.fallback, call_failure.http_status) == (
        "invalid_request",
        False,
        True,
        400,
    )
    assert call_failure.detail == "custom:m cannot be asked: messages[0].content[0].image_url must be an object"


async def test_the_query_of_an_endpoint_stays_behind_the_path() -> None:
    async with loopback_server(COMPLETION) as server, running_transport(Guard(LOOPBACK)) as transport:
        url = f"http://127.0.0.1:{server.port}/openai/deployments/d?api-version=2024-10-21"
        await call(transport, model(endpoint_url=url))
    assert server.heads[0].startswith(b"POST /openai/deployments/d/chat/completions?api-version=2024-10-21 HTTP/1.1")


async def test_an_error_that_comes_in_parts_is_read_whole() -> None:
    body = orjson.dumps(
        {"error": {"message": "Rate limit reached", "padding": "x" * 100, "code": "rate_limit_exceeded"}}
    )

    async def in_parts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Oops\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body[:50]))
        await asyncio.sleep(0.05)  # so that the parts are read one by one; whole or not, the same must come of it
        writer.write(body[50:])
        writer.close()

    async with await asyncio.start_server(in_parts, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        call_failure = await failure_of(Guard(LOOPBACK), model(endpoint_url=f"http://127.0.0.1:{port}/v1"))
    assert (call_failure.error_type, call_failure.upstream_status) == ("rate_limited", 500)
    assert call_failure.detail == f"127.0.0.1:{port} answered 500: Rate limit reached"


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with loopback_server() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        call_failure = await failure_of(Guard(), model(endpoint_url="http://10.0.0.1:8000/v1"))
        assert proxy.connections == 0
    assert call_failure.error_type == "endpoint_forbidden"


async def test_an_answer_is_read_while_there_is_room_for_it_and_is_not_asked_for_again_when_there_is_none() -> None:
    room = Room(RoomLimits(held_bytes=len(BODY) - 1))
    seat = room.enter("acme", 0)
    assert isinstance(seat, Seat)
    async with loopback_server(COMPLETION) as server, running_transport(Guard(LOOPBACK)) as transport:
        called = model(endpoint_url=f"http://127.0.0.1:{server.port}/v1")
        with pytest.raises(CallFailedError) as caught:
            await call(transport, called, partial(room.hold_answer, seat))
    assert (caught.value.failure.error_type, caught.value.failure.retryable) == ("too_many_requests", False)
    assert any("TALLYGATE_ROUTER_MAX_HELD_BYTES" in tip for tip in caught.value.failure.tips)


@pytest.mark.parametrize(
    ("traced", "model_id", "told"),
    [
        ("none", "acme:m", False),
        ("providers", "acme:m", True),
        ("providers", "custom:m", False),
        ("all", "custom:m", True),
    ],
)
async def test_an_endpoint_is_told_the_trace_where_it_may_be(
    traced: TracedEndpoints, model_id: str, told: bool
) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 rojo=1"
    async with loopback_server(COMPLETION) as server, running_transport(Guard(LOOPBACK), traced) as transport:
        called = model(endpoint_url=f"http://127.0.0.1:{server.port}/v1").model_copy(update={"id": model_id})
        await transport.complete(called, ModelSecrets(), Question(REQUEST, trace=trace), "r-1", 10.0, holds_all)
    head = server.heads[0].decode().lower()
    assert (
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: rojo=1" in head
    ) is told


async def _head_of_a_message(server: Loopback, form: WireFormat, **configured: str) -> list[bytes]:
    asked = Question(
        REQUEST, form=form, passed_headers=(("anthropic-version", "2099-01-01"), ("anthropic-beta", "a, b"))
    )
    called = model(wire_format="anthropic", endpoint_url=f"http://127.0.0.1:{server.port}/v1")
    secrets = ModelSecrets("opensesame", {name.replace("_", "-"): value for name, value in configured.items()})
    async with running_transport(Guard(LOOPBACK)) as transport:
        with pytest.raises(CallFailedError):  # the server answers as another dialect does
            await transport.complete(called, secrets, asked, "r-1", 10.0, holds_all)
    return [line for line in server.heads[-1].lower().splitlines() if line.startswith(b"anthropic-")]


async def test_betas_of_the_caller_and_of_the_model_are_joined_and_other_headers_of_the_caller_come_first() -> None:
    async with loopback_server() as server:
        assert await _head_of_a_message(server, "anthropic", anthropic_beta="b,c", anthropic_version="2000-01-01") == [
            b"anthropic-beta: b,c,a", b"anthropic-version: 2099-01-01",
        ]  # fmt: skip
        assert b"anthropic-beta: a, b" in await _head_of_a_message(server, "anthropic")
        assert b"anthropic-beta: c" in await _head_of_a_message(server, "openai", anthropic_beta="c")
