"""Connections that are opened to do harm. Each kind ends in time, and who asks honestly is answered meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from services.gateway import edge
from services.gateway.inference.shares import Shares
from services.monitor import routes as of_monitor
from shared.errors import TallygateError
from shared.service.connections import ConnectionLimits, server_options

ALL = 100
LIMITS = ConnectionLimits(most=1000, head_timeout_s=1.0, stall_s=0.5, max_head_bytes=8192)
ENDS_S = 20.0  # far more than the timeouts, for a machine that has much to do
LARGE = b"x" * 8_000_000
POST = b"POST /body HTTP/1.1\r\nhost: x\r\n"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


async def body(request: Request) -> Response:
    limits = edge.BodyLimits(most=100_000, held=Shares(10_000_000, 0.5), timeout_s=0.4)
    return Response(str(len(await edge.read_body(request, "acme", limits))))


async def unread(_: Request) -> Response:
    return Response(status_code=429)


async def large(_: Request) -> Response:
    return Response(LARGE)


async def hello(_: Request) -> Response:
    return Response("hello")


def gateways_edge() -> ASGIApp:
    """What of the gateway a connection meets before a tenant is known: the edge, and the reading of bodies."""
    app = Starlette(
        routes=[
            Route("/hello", hello), Route("/large", large), Route("/unread", unread, methods=["POST"]),
            Route("/body", body, methods=["POST"]),
        ],
        exception_handlers={TallygateError: edge.on_expected},
    )  # fmt: skip
    app.add_middleware(edge.EdgeMiddleware)
    return app


def monitors_edge() -> ASGIApp:
    handlers = {TallygateError: of_monitor.on_tallygate_error, Exception: of_monitor.on_anything_else}
    known = [Route("/hello", hello), Route("/large", large), Route("/unread", unread), Route("/body", hello)]
    return Starlette(routes=known, exception_handlers=handlers)


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[int]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", **server_options(LIMITS)))
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def dripping(writer: asyncio.StreamWriter, start: bytes, drop: bytes) -> None:
    """Sends a little again and again, so that the connection is never silent for long."""
    writer.write(start)
    with suppress(OSError):
        while not writer.is_closing():
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.05)


async def flooding(writer: asyncio.StreamWriter, start: bytes, part: bytes) -> None:
    with suppress(OSError):
        writer.write(start)
        while not writer.is_closing():
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)


def sends(*parts: bytes) -> Talk:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.05)

    return talk


def drips(start: bytes, drop: bytes) -> Talk:
    return lambda _, writer: dripping(writer, start, drop)


def floods(start: bytes, part: bytes) -> Talk:
    return lambda _, writer: flooding(writer, start, part)


# Each ends with the connection closed by the server, though the client never closes it.
KINDS: dict[str, Talk] = {
    "silent": sends(),
    "half a head": sends(b"GET /hello HT"),
    "a head of a byte at a time": drips(b"", b"G"),
    "a head without an end": drips(b"GET /hello HTTP/1.1\r\n", b"a: b\r\n"),
    "a header without an end": floods(b"GET /hello HTTP/1.1\r\na: ", b"b" * 10_000),
    "many headers": floods(b"GET /hello HTTP/1.1\r\n", b"a: b\r\n" * 1000),
    "a url without an end": floods(b"GET /", b"a" * 10_000),
    "empty lines": drips(b"", b"\r\n"),
    "empty lines between requests": drips(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n", b"\r\n"),
    "half a body": sends(POST + b"content-length: 1000\r\n\r\n", b"x" * 500),
    "a body of a byte at a time": drips(POST + b"content-length: 90000\r\n\r\n", b"x"),
    "less than it said": sends(POST + b"content-length: 1000\r\n\r\n{}"),
    "more than it said": sends(POST + b"content-length: 2\r\n\r\n" + b"{}" * 100),
    "more than is taken": sends(POST + b"content-length: 999999999999\r\n\r\n", b"x" * 1000),
    "a length that is none": sends(POST + b"content-length: -5\r\n\r\n"),
    "two lengths": sends(POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\n12345"),
    "chunks without an end": floods(POST + b"transfer-encoding: chunked\r\n\r\n", b"3e8\r\n" + b"x" * 1000 + b"\r\n"),
    "a chunk's extension without an end": drips(POST + b"transfer-encoding: chunked\r\n\r\n5;", b"a" * 100),
    "trailers without an end": floods(POST + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n" * 1000),
    "a body that is not read any more": drips(
        b"POST /unread HTTP/1.1\r\nhost: x\r\ncontent-length: 90000\r\n\r\n", b"x"
    ),
    "HTTP/1.0": sends(b"GET /hello HTTP/1.0\r\n\r\n"),
    "HTTP/0.9": sends(b"GET /hello\r\n\r\n"),
    "no HTTP": sends(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)),
}


@asynccontextmanager
async def connected(port: int, talk: Talk) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    talking = asyncio.create_task(talk(reader, writer))
    try:
        yield reader, writer
    finally:
        talking.cancel()
        writer.transport.abort()
        await asyncio.gather(talking, return_exceptions=True)


async def ends(port: int, talk: Talk) -> None:
    """Returns when the server has closed the connection."""
    async with connected(port, talk) as (reader, _):
        with suppress(OSError):
            while await reader.read(65536):
                pass


async def honest(port: int) -> bytes:
    async with connected(port, sends(b"GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")) as (reader, _):
        return await reader.read()


# The monitor reads no body; all else of a connection is the same for every service.
CASES = [(gateways_edge, kind) for kind in KINDS] + [(monitors_edge, kind) for kind in KINDS if "body" in kind]


@pytest.mark.parametrize(("edge_of", "kind"), CASES)
async def test_each_kind_ends_and_who_is_honest_is_served_meanwhile(edge_of: Callable[[], ASGIApp], kind: str) -> None:
    many = ALL if not kind.startswith(("a header without", "many", "a url", "chunks", "trailers")) else 8
    async with served(edge_of()) as port, asyncio.timeout(ENDS_S * 3):
        hostile = [asyncio.create_task(ends(port, KINDS[kind])) for _ in range(many)]
        await asyncio.sleep(0.1)
        async with asyncio.timeout(ENDS_S):
            assert (await honest(port)).endswith(b"hello")
        async with asyncio.timeout(ENDS_S * 2):
            await asyncio.gather(*hostile)


async def test_an_answer_that_nobody_takes_is_cut_off() -> None:
    async with served(gateways_edge()) as port, asyncio.timeout(20):
        async with connected(port, sends(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")) as (reader, _):
            await asyncio.sleep(LIMITS.stall_s * 3)
            taken = 0
            with suppress(OSError):
                while part := await reader.read(1_000_000):
                    taken += len(part)
        assert taken < len(LARGE)
        assert (await honest(port)).endswith(b"hello")


async def test_many_requests_at_once_on_one_connection_are_answered_one_after_the_other() -> None:
    async with served(gateways_edge()) as port, asyncio.timeout(10):
        request = b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n"
        async with connected(port, sends(request * 500)) as (reader, _):
            for _ in range(500):
                await reader.readuntil(b"\r\n\r\n")
                assert await reader.readexactly(5) == b"hello"
            assert (await honest(port)).endswith(b"hello")


async def test_a_head_that_is_too_large_is_told_so() -> None:
    async with served(gateways_edge()) as port, asyncio.timeout(10):
        async with connected(port, sends(b"GET / HTTP/1.1\r\na: " + b"b" * 9000)) as (reader, _):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert b'"error_type":"invalid_request"' in answer


async def test_who_still_sends_a_body_that_is_too_large_hears_why() -> None:
    """Closed before all of it has come, the connection would be reset, and the answer lost with it."""
    async with served(gateways_edge()) as port, asyncio.timeout(20):
        for _ in range(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(POST + b"content-length: %d\r\n\r\n" % len(LARGE) + LARGE)
            await writer.drain()
            assert (await reader.readline()).startswith(b"HTTP/1.1 413")
            writer.transport.abort()
