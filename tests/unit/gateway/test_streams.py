"""What a caller sees of a streamed answer: whole, broken, silent; and what becomes of one that leaves or does not read.

The gateway's application behind its real server, with callers on sockets; the router's frames are handed over as the
lane hands them over.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import orjson
import uvicorn

from services.gateway.instruments import first_chunk_seconds
from shared.events import CancelRequested, InferenceRequested, ReplyCompleted
from shared.inferences import ByLane
from shared.lane import Frame, Kind
from shared.lane.payloads import Chunks, chunk_context, sealed_chunks, sealed_reply
from shared.service.connections import ConnectionLimits, server_options
from tests.support.gateway_app import KEY, Here, gateway_here
from tests.unit.shared.events.samples import reply_failed
from tests.unit.shared.inferences.test_streams import FakeLane

LIMITS = ConnectionLimits(100, head_timeout_s=30.0, stall_s=60.0, max_head_bytes=65_536)
FIRST, SECOND = (
    b'{"choices":[{"index":0,"delta":{"content":"a"}}]}',
    b'{"choices":[{"index":0,"delta":{"content":"b"}}]}',
)
USAGE = b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}'


class Router(NamedTuple):
    """Of one inference: what its router sends by the lane."""

    here: Here
    request: InferenceRequested
    lane: FakeLane

    def chunks(self, sequence: int, *lines: bytes) -> Kind | None:
        request, ring = self.request, self.here.gateway.ring
        context = chunk_context(request.tenant_id, request.inference_id)
        payload = sealed_chunks(ring, context, Chunks(1, sequence, b"\n".join(lines)))
        return self._frame(Kind.CHUNK, payload)

    def completes(self, chunk_frames: int) -> Kind | None:
        said = ReplyCompleted(
            inference_id=self.request.inference_id, tenant_id="acme", sealed_body="", form="chunks",
            model_served="custom:m", attempts=1, chunk_frames=chunk_frames,
        )  # fmt: skip
        return self._frame(Kind.REPLY, sealed_reply(self.here.gateway.ring, said, b""))

    def fails(self) -> Kind | None:
        said = reply_failed(inference_id=self.request.inference_id, tenant_id="acme")
        return self._frame(Kind.REPLY, sealed_reply(self.here.gateway.ring, said, b""))

    def _frame(self, kind: Kind, payload: bytes) -> Kind | None:
        hearing = ByLane(self.here.gateway.ring, self.here.pending)
        return hearing.on_frame(Frame(kind, self.request.inference_id.bytes, payload), self.lane)


class Caller:
    """A connection on which one request was sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.status = 0
        self.headers: dict[str, str] = {}

    async def head(self) -> int:
        first, *rest = (await self.reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        self.headers = dict(line.split(": ", 1) for line in rest)
        self.status = int(first.split()[1])
        return self.status

    async def part(self) -> bytes:
        """One part of the body, as it was sent; b"" after the last."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    async def rest(self) -> bytes:
        parts = []
        while part := await self.part():
            parts.append(part)
        return b"".join(parts)

    async def json(self) -> Any:
        return orjson.loads(await self.reader.readexactly(int(self.headers["content-length"])))


class World(NamedTuple):
    here: Here
    port: int
    server: uvicorn.Server

    @asynccontextmanager
    async def caller(self, *headers: str, receive_bytes: int | None = None, **fields: Any) -> AsyncIterator[Caller]:
        sock = socket.socket()
        sock.setblocking(False)
        if receive_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        limit = 2**16 if receive_bytes is None else receive_bytes
        reader, writer = await asyncio.open_connection(sock=sock, limit=limit)
        chat = {"model": "custom:m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        body = orjson.dumps(chat | fields)
        lines = ("POST /v1/chat/completions HTTP/1.1", "host: x", f"authorization: Bearer {KEY}", *headers)
        writer.write("\r\n".join((*lines, f"content-length: {len(body)}", "", "")).encode() + body)
        try:
            async with asyncio.timeout(30):
                yield Caller(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def router(self, nth: int = 0) -> Router:
        """Of the nth request, when it has been published."""
        while True:
            requests = [event for event in self.here.broker.events if isinstance(event, InferenceRequested)]
            if len(requests) > nth:
                return Router(self.here, requests[nth], FakeLane())
            await asyncio.sleep(0.005)

    async def cancelled(self) -> CancelRequested:
        while True:
            for event in self.here.broker.events:
                if isinstance(event, CancelRequested):
                    return event
            await asyncio.sleep(0.005)

    async def until_nobody_waits(self, router: Router) -> None:
        while self.here.pending.awaited(router.request.inference_id.bytes) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@asynccontextmanager
async def world(*, graceful_s: int = 10, **settings: Any) -> AsyncIterator[World]:
    here = gateway_here(answer_s=60.0, **settings)
    options = server_options(LIMITS) | {"timeout_graceful_shutdown": graceful_s}
    server = uvicorn.Server(uvicorn.Config(here.app, port=0, lifespan="off", **options))
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    try:
        yield World(here, server.servers[0].sockets[0].getsockname()[1], server)
    finally:
        server.should_exit = True
        await serving


def events(body: bytes) -> list[bytes]:
    """The data of each event; comments as they are."""
    return [event.removeprefix(b"data: ") for event in body.split(b"\n\n") if event]


def error_in(event: bytes) -> dict[str, Any]:
    error: dict[str, Any] = orjson.loads(event)["error"]
    return error


def first_chunks() -> float:
    return next(s.value for s in next(iter(first_chunk_seconds.collect())).samples if s.name.endswith("_count"))


async def test_a_whole_stream_is_its_chunks_as_they_came_and_its_end() -> None:
    before = first_chunks()
    async with world() as here, here.caller() as caller:
        router = await here.router()
        router.chunks(0, FIRST)
        assert await caller.head() == 200
        assert await caller.part() == b"data: " + FIRST + b"\n\n"
        router.chunks(1, SECOND, USAGE)
        router.completes(2)
        assert await caller.rest() == b"data: " + SECOND + b"\n\ndata: [DONE]\n\n"
    assert caller.headers["content-type"].startswith("text/event-stream")
    assert caller.headers["x-tallygate-inference-id"] == str(router.request.inference_id)
    assert first_chunks() == before + 1


async def test_the_usage_is_told_to_who_asks_for_it() -> None:
    async with world() as here, here.caller(stream_options={"include_usage": True}) as caller:
        router = await here.router()
        router.chunks(0, FIRST, USAGE)
        router.completes(1)
        await caller.head()
        assert events(await caller.rest()) == [FIRST, USAGE, b"[DONE]"]


async def test_an_error_before_anything_was_told_is_an_ordinary_answer() -> None:
    async with world() as here, here.caller() as caller:
        router = await here.router()
        assert router.fails() is Kind.TAKEN
        failed = reply_failed().error
        assert await caller.head() == failed.http_status
        told = await caller.json()
        assert told["error"]["code"] == failed.error_type
        assert told["error"]["inference_id"] == str(router.request.inference_id)


async def test_a_stream_that_breaks_off_tells_why_and_never_looks_whole() -> None:
    async with world() as here, here.caller() as caller:
        router = await here.router()
        router.chunks(0, FIRST)
        router.fails()
        await caller.head()
        first, last = events(await caller.rest())
        assert first == FIRST
        error = error_in(last)
        assert error["code"] == reply_failed().error.error_type
        assert error["inference_id"] == str(router.request.inference_id)
        assert error["tips"]


async def test_silence_is_filled_with_comments_after_which_an_error_is_told_in_the_stream() -> None:
    async with world(stream_keep_alive_s=0.2) as here, here.caller() as caller:
        router = await here.router()
        assert await caller.head() == 200
        assert await caller.part() == await caller.part() == b": keep-alive\n\n"
        router.fails()
        assert error_in(events(await caller.rest())[-1])["code"] == reply_failed().error.error_type


async def test_who_leaves_and_wanted_it_so_has_its_inference_cancelled() -> None:
    async with world() as here:
        async with here.caller("x-tallygate-cancel-on-disconnect: true") as caller:
            router = await here.router()
            router.chunks(0, FIRST)
            await caller.head()
        assert (await here.cancelled()).inference_id == router.request.inference_id
        await here.until_nobody_waits(router)
        assert router.chunks(1, SECOND) is Kind.GONE


async def test_who_leaves_otherwise_only_gets_no_more() -> None:
    async with world() as here:
        async with here.caller() as caller:
            router = await here.router()
            router.chunks(0, FIRST)
            await caller.head()
        await here.until_nobody_waits(router)
        assert router.chunks(1, SECOND) is Kind.GONE
        assert not any(isinstance(event, CancelRequested) for event in here.here.broker.events)


async def test_who_does_not_read_holds_its_stream_up_then_it_is_cancelled_and_told() -> None:
    async with world(stream_stall_s=0.5) as here, here.caller(receive_bytes=4096) as caller:
        router = await here.router()
        large = b'{"choices":[],"padding":"' + b"x" * 50_000 + b'"}'
        sent = 0
        while "pause" not in router.lane.said:
            router.chunks(sent, large)
            sent += 1
            await asyncio.sleep(0)
        assert (await here.cancelled()).inference_id == router.request.inference_id
        assert await caller.head() == 200
        told = events(await caller.rest())
        assert len(told) - 1 < sent
        assert error_in(told[-1])["code"] == "cancelled"
        await here.until_nobody_waits(router)


async def test_who_reads_again_in_time_gets_all_of_it() -> None:
    async with world() as here, here.caller(receive_bytes=4096) as caller:
        router = await here.router()
        large = b'{"choices":[],"padding":"' + b"x" * 50_000 + b'"}'
        sent = 0
        while "pause" not in router.lane.said:
            router.chunks(sent, large)
            sent += 1
            await asyncio.sleep(0)
        await caller.head()
        rest = asyncio.create_task(caller.rest())
        while "resume" not in router.lane.said:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        router.completes(sent)
        assert events(await rest) == [large] * sent + [b"[DONE]"]


async def test_a_place_is_held_until_the_stream_has_ended() -> None:
    async with world(tenant_max_in_flight=1) as here:
        async with here.caller() as caller:
            router = await here.router()
            router.chunks(0, FIRST)
            await caller.head()
            async with here.caller() as other:
                assert await other.head() == 429
            router.completes(1)
            await caller.rest()
        async with here.caller() as third:
            (await here.router(1)).fails()
            assert await third.head() != 429


async def test_a_gateway_that_stops_tells_so_in_the_stream() -> None:
    async with world(graceful_s=1) as here, here.caller() as caller:
        router = await here.router()
        router.chunks(0, FIRST)
        await caller.head()
        here.server.should_exit = True
        first, last = events(await caller.rest())
        assert (first, error_in(last)["code"]) == (FIRST, "unavailable")
        assert error_in(last)["inference_id"] == str(router.request.inference_id)
