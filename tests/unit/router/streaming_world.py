"""A whole router between a raw endpoint and a scripted gateway, over sockets."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import orjson

from services.router import reports
from services.router.attempts import Attempts
from services.router.breaker import BreakerPolicy
from services.router.gate import Gate
from services.router.retry import RetryPolicy
from services.router.transport import Hold, Transport
from services.router.work import Begun, Work
from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.events import (
    AttemptEnded,
    Event,
    InferenceSettled,
    utc_now,
)
from shared.events.codec import decode
from shared.events.topics import OUTCOMES, Topic
from shared.guard import Guard
from shared.kafka.local import LocalBroker
from shared.kafka.publisher import Publisher
from shared.lane.frames import Kind
from shared.lane.payloads import Chunks, LaneReply, chunk_context, open_chunks, open_reply
from tests.support.places import no_places
from tests.support.scripted_gateway import Heard, ScriptedGateway, listening
from tests.unit.router.values import beating, holds_all, model, work

RING = KeyRing.parse(new_key())
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
Serve = Callable[[asyncio.StreamWriter], Awaitable[None]]


def line(finish_reason: str | None = None, **delta: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return orjson.dumps({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]})


def events(*lines: bytes) -> bytes:
    return b"".join(b"data: %s\n\n" % one for one in lines)


ROLE, A, B, END = line(role="assistant", content=""), line(content="aaaa"), line(content="bbbb"), line("stop")
USAGE = orjson.dumps({"id": "c", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
DONE = b"[DONE]"


def sends(*pieces: bytes) -> Serve:
    async def serve(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return serve


async def hangs(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def then(*serves: Serve) -> Serve:
    async def serve(writer: asyncio.StreamWriter) -> None:
        for one in serves:
            await one(writer)

    return serve


class Endpoint:
    """Each call is served as the next of `serves` says; then, or when who called is gone, its connection is closed."""

    def __init__(self, serves: Sequence[Serve]) -> None:
        self.asked: list[dict[str, Any]] = []
        self._serves = list(serves)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            size = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            self.asked.append(orjson.loads(await reader.readexactly(size)))
            serve = self._serves[min(len(self.asked), len(self._serves)) - 1]
            both = [asyncio.ensure_future(serve(writer)), asyncio.ensure_future(reader.read())]
            _, waiting = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for one in waiting:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        except ConnectionError:
            pass
        finally:
            writer.close()


class World:
    def __init__(self, endpoint: Endpoint, gateway: ScriptedGateway, job: Work, transport: Transport) -> None:
        self.endpoint = endpoint
        self.gateway = gateway
        self.job = job
        self.broker = LocalBroker()
        self.publisher = Publisher(self.broker, "test")
        self.attempts = Attempts(
            "r1", RING, transport, self.publisher, RetryPolicy(3, 0.0, 0.0),
            Gate(BreakerPolicy(), no_places()), beating(),
            max_untold_bytes=100_000,
        )  # fmt: skip

    async def run(self, hold: Hold = holds_all) -> None:
        admitted = self.attempts.admit(self.job)
        assert isinstance(admitted, Work)
        number = self.job.request.attempts_made + 1
        started = reports.attempt_started(admitted, admitted.first, 1, "r1", utc_now())
        assert started.attempt_number == number
        await self.attempts.run(Begun(admitted, started), 0, hold)

    @property
    def settled(self) -> InferenceSettled:
        return next(event for event in self.said(OUTCOMES) if isinstance(event, InferenceSettled))

    @property
    def ended(self) -> list[AttemptEnded]:
        alone = [event for event in self.said(OUTCOMES) if isinstance(event, AttemptEnded)]
        return alone if self.settled.last is None else [*alone, self.settled.last]

    def said(self, topic: Topic) -> list[Event]:
        return [decode(topic, record.headers, record.value) for record in self.broker.cluster.records(topic.name)]

    @property
    def chunks(self) -> list[Chunks]:
        request = self.job.request
        context = chunk_context(request.tenant_id, request.inference_id)
        frames = [heard.frame for heard in self.gateway.heard if heard.frame.kind is Kind.CHUNK]
        return [open_chunks(RING, context, frame.payload) for frame in frames]

    @property
    def lines(self) -> list[bytes]:
        return [one for chunks in self.chunks for one in chunks.lines.split(b"\n")]

    @property
    def reply(self) -> LaneReply:
        request = self.job.request
        (frame,) = (heard.frame for heard in self.gateway.heard if heard.frame.kind is Kind.REPLY)
        return open_reply(RING, request.tenant_id, request.inference_id, frame.payload)


@asynccontextmanager
async def world(
    *serves: Serve, gateway: ScriptedGateway | None = None, models: int = 1, by_lane: bool = True, **request: Any
) -> AsyncIterator[World]:
    gateway = gateway or ScriptedGateway(RING)
    endpoint = Endpoint(serves)
    transport = Transport(5.0, 100_000, Guard((ipaddress.ip_network("127.0.0.0/8"),)), 10_000_000)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(await asyncio.start_server(endpoint.serve, "127.0.0.1", 0))
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        reply_to = await stack.enter_async_context(listening(gateway))
        await transport.start()
        stack.push_async_callback(transport.stop)
        named = [model(id=f"custom:m{number}", endpoint_url=url) for number in range(models)]
        now = utc_now()
        job = work(
            *named, accepted_at=now, deadline_at=now + timedelta(seconds=60),
            **{"reply_partition": 3, "reply_to": reply_to if by_lane else None} | request,
        )  # fmt: skip
        job.body["stream"] = True
        here = World(endpoint, gateway, job, transport)
        await here.publisher.start()
        stack.push_async_callback(here.attempts.stop)
        yield here


def count(kind: Kind) -> Callable[[list[Heard]], int]:
    return lambda heard: sum(one.frame.kind is kind for one in heard)


def after_chunks(gateway: ScriptedGateway, number: int) -> Serve:
    """Waits until the gateway has heard so many frames of chunks."""

    async def serve(_: asyncio.StreamWriter) -> None:
        await gateway.until(lambda heard: count(Kind.CHUNK)(heard) >= number)

    return serve
