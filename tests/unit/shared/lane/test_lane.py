"""A router and a gateway with a lane between them, on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import uvloop

from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.lane import Frame, Kind, Lanes, Listener
from shared.lane.listener import Lane
from shared.lane.router_side import Gateway

_RING = KeyRing.parse(new_key())
_MINE, _OTHER = b"m" * 16, b"o" * 16


@dataclass
class _World:
    """A gateway that waits for _MINE, and what both ends heard."""

    listener: Listener
    lanes: Lanes
    gateway: Gateway
    heard: list[Frame] = field(default_factory=list)
    words: list[Frame] = field(default_factory=list)
    lane: Lane | None = None

    async def heard_by_gateway(self, count: int) -> list[Frame]:
        return await _in_time(self.heard, count)

    async def heard_by_router(self, count: int) -> list[Frame]:
        return await _in_time(self.words, count)


async def _in_time(frames: list[Frame], count: int) -> list[Frame]:
    await _until(lambda: len(frames) >= count)
    return frames


async def _until(holds: Callable[[], bool]) -> None:
    """What comes over a socket is told to nobody here."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


@asynccontextmanager
async def _world(*, ring: KeyRing = _RING, gateway_id: str = "g1", max_lanes: int = 10) -> AsyncIterator[_World]:
    """ring, gateway_id: what the router holds, and takes the gateway for."""
    heard: list[Frame] = []
    words: list[Frame] = []

    def on_frame(frame: Frame, lane: Lane) -> Kind | None:
        heard.append(frame)
        world.lane = lane
        if frame.inference_id != _MINE:
            return Kind.GONE
        return Kind.TAKEN if frame.kind is Kind.REPLY else None

    listener = Listener(ring=_RING, gateway_id="g1", on_frame=on_frame, max_frame_bytes=10_000, max_lanes=max_lanes)
    port = await listener.start("127.0.0.1", 0)
    lanes = Lanes(ring, words.append)
    world = _World(listener, lanes, Gateway("127.0.0.1", port, gateway_id), heard, words)
    try:
        yield world
    finally:
        await lanes.stop()
        await listener.stop()


async def test_chunks_arrive_in_order_and_a_reply_is_answered() -> None:
    async with _world() as world:
        chunks = [Frame(Kind.CHUNK, _MINE, b"%d" % n) for n in range(500)]
        for chunk in chunks:
            assert await world.lanes.send(world.gateway, chunk)
        assert await world.lanes.reply(world.gateway, _MINE, b"all", 5)
        assert world.heard == [*chunks, Frame(Kind.REPLY, _MINE, b"all")]


def test_it_holds_on_the_loop_that_services_run_on() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test_chunks_arrive_in_order_and_a_reply_is_answered())


async def test_who_is_awaited_by_nobody_is_told() -> None:
    async with _world() as world:
        assert await world.lanes.reply(world.gateway, _OTHER, b"all", 5)
        assert await world.heard_by_router(1) == [Frame(Kind.GONE, _OTHER)]


async def test_a_caller_that_reads_slowly_holds_its_own_stream_back() -> None:
    async with _world() as world:
        await world.lanes.send(world.gateway, Frame(Kind.CHUNK, _MINE, b"a"))
        await world.heard_by_gateway(1)
        assert world.lane is not None
        world.lane.pause(_MINE)
        world.lane.resume(_MINE)
        assert await world.heard_by_router(2) == [Frame(Kind.PAUSE, _MINE), Frame(Kind.RESUME, _MINE)]


@pytest.mark.parametrize(
    "router",
    [
        pytest.param({"ring": KeyRing.parse(new_key())}, id="another key"),
        pytest.param({"gateway_id": "g0"}, id="an earlier life of the gateway"),
        pytest.param({"max_lanes": 0}, id="no lane is free"),
    ],
)
async def test_without_a_proof_nothing_is_heard_and_no_reply_counts_as_taken(router: dict[str, object]) -> None:
    async with _world(**router) as world:  # type: ignore[arg-type]
        assert not await world.lanes.reply(world.gateway, _MINE, b"all", 5)
        assert world.heard == []


async def test_where_nobody_listens_the_topic_has_to_serve_at_once() -> None:
    async with _world() as world:
        await world.listener.stop()
        assert not await world.lanes.send(world.gateway, Frame(Kind.CHUNK, _MINE))
        began = asyncio.get_running_loop().time()
        assert not await world.lanes.send(world.gateway, Frame(Kind.CHUNK, _MINE))
        assert asyncio.get_running_loop().time() - began < 1


async def test_a_gateway_that_is_gone_in_the_middle_answers_no_reply() -> None:
    async with _world() as world:
        await world.lanes.send(world.gateway, Frame(Kind.CHUNK, _MINE, b"a"))
        await world.heard_by_gateway(1)
        replying = asyncio.create_task(world.lanes.reply(world.gateway, _MINE, b"x" * 9_000, 5))
        await world.listener.stop()
        await replying  # whatever it says: it ends
        assert not await world.lanes.reply(world.gateway, _MINE, b"all", 5)


async def test_a_lane_that_was_lost_is_opened_again() -> None:
    async with _world() as world:
        assert await world.lanes.reply(world.gateway, _MINE, b"1", 5)
        ours, theirs = await world.lanes.lane(world.gateway), world.lane
        assert ours is not None
        assert theirs is not None
        theirs.close()
        await _until(lambda: not ours.usable)
        assert await world.lanes.reply(world.gateway, _MINE, b"2", 5)


async def test_a_stranger_is_cut_off_and_the_others_go_on() -> None:
    async with _world() as world:
        assert await world.lanes.reply(world.gateway, _MINE, b"1", 5)
        reader, writer = await asyncio.open_connection(world.gateway.host, world.gateway.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n" * 3)
        async with asyncio.timeout(30):
            try:
                while await reader.read(1000):
                    pass
            except ConnectionResetError:
                pass
        writer.close()
        assert await world.lanes.reply(world.gateway, _MINE, b"2", 5)
