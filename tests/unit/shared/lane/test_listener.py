"""What strangers and broken routers can do to the gateway's end of the lane: nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs

from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.lane import Frame, Kind, Listener
from shared.lane.frames import FrameReader
from shared.lane.handshake import proof
from shared.lane.listener import Lane

RING = KeyRing.parse(new_key())
MINE = b"m" * 16
MAX_FRAME_BYTES = 100_000


class World(NamedTuple):
    port: int
    heard: list[Frame]


class Router(NamedTuple):
    """A connection, written to by hand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def frame(self) -> Frame:
        """The next one, its own proof apart."""
        head = await self.reader.readexactly(4)
        frame = next(FrameReader(10_000).read(head + await self.reader.readexactly(int.from_bytes(head))))
        return await self.frame() if frame.kind is Kind.PROOF else frame

    async def is_closed(self) -> bool:
        """Reads what comes until the other end closes."""
        async with asyncio.timeout(20):
            with suppress(ConnectionResetError):
                while await self.reader.read(1000):
                    pass
        return True


@asynccontextmanager
async def world(max_lanes: int = 10, proof_within_s: float = 30.0) -> AsyncIterator[World]:
    heard: list[Frame] = []

    def on_frame(frame: Frame, _lane: Lane) -> Kind | None:
        heard.append(frame)
        return Kind.TAKEN

    listener = Listener(
        ring=RING, gateway_id="g1", on_frame=on_frame, max_frame_bytes=MAX_FRAME_BYTES, max_lanes=max_lanes,
        proof_within_s=proof_within_s,
    )  # fmt: skip
    port = await listener.start("127.0.0.1", 0)
    try:
        yield World(port, heard)
    finally:
        await listener.stop()


@asynccontextmanager
async def router(here: World) -> AsyncIterator[Router]:
    reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
    try:
        yield Router(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def proven(router: Router) -> None:
    router.writer.write(proof(RING, "g1", await router.frame()).frame.encoded())


async def answered(router: Router) -> bool:
    router.writer.write(Frame(Kind.REPLY, MINE, b"x").encoded())
    return await router.frame() == Frame(Kind.TAKEN, MINE)


async def test_a_proof_that_was_heard_on_another_connection_proves_nothing() -> None:
    async with world() as here, router(here) as first, router(here) as second:
        replayed = proof(RING, "g1", await first.frame()).frame.encoded()
        first.writer.write(replayed)
        assert await answered(first)
        with capture_logs() as logs:
            second.writer.write(replayed + Frame(Kind.REPLY, MINE, b"x").encoded())
            assert await second.is_closed()
        assert "belongs to another connection" in logs[0]["reason"]
        assert len(here.heard) == 1
        assert await answered(first)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        pytest.param(Frame(Kind.REPLY, MINE, b"x").encoded(), "the handshake was left out", id="no proof"),
        pytest.param(Frame(Kind.PROOF, MINE, b"x").encoded(), "cannot be opened", id="no seal"),
        pytest.param(Frame(Kind.PROOF, MINE, bytes(2000)).encoded()[:100], "at most 1024", id="too large for a proof"),
        pytest.param(b"\x00\x00\x00\x20\x63" + bytes(31), "unknown kind", id="another version's kind"),
        pytest.param(b"\x00\x00\x00\x01", "a frame of 1 bytes", id="too short"),
    ],
)
async def test_before_the_proof(sent: bytes, why: str) -> None:
    async with world() as here, router(here) as stranger:
        with capture_logs() as logs:
            stranger.writer.write(sent + bytes(40))
            assert await stranger.is_closed()
        assert why in logs[0]["reason"]
        assert here.heard == []


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        pytest.param(Frame(Kind.PAUSE, MINE).encoded(), "does not send PAUSE", id="a gateway's word"),
        pytest.param(Frame(Kind.CHUNK, MINE, bytes(MAX_FRAME_BYTES)).encoded(), "at most", id="too large"),
    ],
)
async def test_after_the_proof(sent: bytes, why: str) -> None:
    async with world() as here, router(here) as broken, router(here) as good:
        await proven(broken)
        await proven(good)
        with capture_logs() as logs:
            broken.writer.write(sent)
            assert await broken.is_closed()
        assert why in logs[0]["reason"]
        assert await answered(good)


async def test_who_is_silent_is_closed_in_time() -> None:
    async with world(proof_within_s=0.05) as here, router(here) as silent, router(here) as half:
        half.writer.write(Frame(Kind.PROOF, MINE, bytes(100)).encoded()[:50])
        assert await silent.is_closed()
        assert await half.is_closed()


async def test_half_a_frame_is_waited_for_and_holds_nobody_up() -> None:
    async with world() as here, router(here) as slow, router(here) as good:
        await proven(slow)
        await proven(good)
        whole = Frame(Kind.REPLY, MINE, b"late").encoded()
        slow.writer.write(whole[:30])
        assert await answered(good)
        slow.writer.write(whole[30:])
        assert await slow.frame() == Frame(Kind.TAKEN, MINE)


async def test_a_thousand_idle_connections_lock_no_router_out() -> None:
    async with world(max_lanes=20) as here, router(here) as known:
        await proven(known)
        assert await answered(known)
        with capture_logs():
            async with AsyncExitStack() as idle:
                for _ in range(1000):
                    await idle.enter_async_context(router(here))
                async with router(here) as late:
                    await proven(late)
                    assert await answered(late)
        assert await answered(known)


async def test_when_all_lanes_are_proven_another_one_is_refused() -> None:
    async with world(max_lanes=1) as here, router(here) as known:
        await proven(known)
        assert await answered(known)
        with capture_logs() as logs:
            async with router(here) as late:
                assert await late.is_closed()
        assert [entry["event"] for entry in logs] == ["lane.refused"]
        assert await answered(known)
