"""What a router is told at the address that a request names, when no gateway of its own is there, or a broken one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.lane import Frame, Kind, Lanes, router_side
from shared.lane.frames import FrameReader
from shared.lane.handshake import VERSION, challenge, prove
from shared.lane.router_side import Gateway

RING = KeyRing.parse(new_key())
MINE = b"m" * 16


@dataclass
class Peer:
    """Whoever listens at the address. heard: the frames that it was sent."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: list[Frame] = field(default_factory=list)

    async def hear(self) -> Frame:
        head = await self.reader.readexactly(4)
        frame = next(FrameReader(10_000).read(head + await self.reader.readexactly(int.from_bytes(head))))
        self.heard.append(frame)
        return frame

    def say(self, frame: Frame) -> None:
        self.writer.write(frame.encoded())

    async def shake_hands(self) -> None:
        challenged = challenge()
        self.say(challenged)
        self.say(prove(RING, "g", challenged, await self.hear()))


Plays = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def listening(plays: Plays) -> AsyncIterator[tuple[Gateway, list[Peer]]]:
    """Each connection is played so, and then all that comes by it is heard until it is closed."""
    peers: list[Peer] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        peers.append(peer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await plays(peer)
            while True:
                await peer.hear()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Gateway("127.0.0.1", server.sockets[0].getsockname()[1], "g"), peers


async def says_nothing(_: Peer) -> None:
    pass


async def is_a_web_server(peer: Peer) -> None:
    peer.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 100)


async def is_of_another_version(peer: Peer) -> None:
    peer.say(Frame(Kind.CHALLENGE, bytes(16), bytes((VERSION + 1,)) + bytes(16)))


async def has_no_key(peer: Peer) -> None:
    peer.say(challenge())
    await peer.hear()
    peer.say(Frame(Kind.PROOF, bytes(16), b"believe me"))


async def has_another_key(peer: Peer) -> None:
    other = KeyRing.parse(new_key())
    challenged = challenge()
    peer.say(challenged)
    with suppress(Exception):
        peer.say(prove(other, "g", challenged, await peer.hear()))
    peer.writer.close()


async def says_taken_at_once(peer: Peer) -> None:
    peer.say(challenge())
    await peer.hear()
    peer.say(Frame(Kind.TAKEN, MINE))


@pytest.mark.parametrize(
    "plays",
    [says_nothing, is_a_web_server, is_of_another_version, has_no_key, has_another_key, says_taken_at_once],
    ids=lambda plays: plays.__name__,
)
async def test_who_proves_nothing_is_told_nothing(plays: Plays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router_side, "_OPEN_WITHIN_S", 0.3)
    lanes = Lanes(RING, lambda _: None)
    with capture_logs():
        async with listening(plays) as (gateway, peers):
            assert not await lanes.reply(gateway, MINE, b"secret", 5)
            assert {frame.kind for peer in peers for frame in peer.heard} <= {Kind.PROOF}
            assert not await lanes.reply(gateway, MINE, b"secret", 5)
            assert len(peers) == 1  # it is left alone for a while


async def test_a_proof_of_another_connection_is_none() -> None:
    proofs: list[Frame] = []

    async def replays(peer: Peer) -> None:
        challenged = challenge()
        peer.say(challenged)
        proofs.append(prove(RING, "g", challenged, await peer.hear()))
        peer.say(proofs[0])

    lanes = Lanes(RING, lambda _: None)
    with capture_logs():
        async with listening(replays) as (gateway, _):
            first = await lanes.lane(gateway)
            assert first is not None
            first.close()
            await asyncio.sleep(0)
            assert await lanes.lane(gateway) is None


async def test_what_a_gateway_does_not_say_ends_its_lane_and_the_next_one_is_good() -> None:
    words = [Frame(Kind.CHUNK, MINE), Frame(Kind.TAKEN, MINE)]

    async def plays(peer: Peer) -> None:
        await peer.shake_hands()
        await peer.hear()
        peer.say(words.pop(0))

    lanes = Lanes(RING, lambda _: None)
    with capture_logs() as logs:
        async with listening(plays) as (gateway, _):
            assert not await lanes.reply(gateway, MINE, b"x", 5)
            assert await lanes.reply(gateway, MINE, b"x", 5)
            await lanes.stop()
    assert [entry["event"] for entry in logs] == ["lane.broken"]


async def test_addresses_that_requests_invent_take_no_more_lanes_than_there_may_be() -> None:
    lanes = Lanes(RING, lambda _: None, max_lanes=2)
    with capture_logs() as logs:
        async with listening(says_nothing) as (one, _), listening(says_nothing) as (two, _):
            opening = [asyncio.create_task(lanes.lane(gateway)) for gateway in (one, two)]
            await asyncio.sleep(0)
            assert await lanes.lane(Gateway("127.0.0.1", 9, "g")) is None
            assert logs[-1]["event"] == "lane.no_room"
            await lanes.stop()
            await asyncio.gather(*opening, return_exceptions=True)


@pytest.mark.parametrize("host", ["a" * 100, "a..b"])
async def test_a_host_that_there_is_not(host: str) -> None:
    lanes = Lanes(RING, lambda _: None)
    with capture_logs() as logs:
        assert await lanes.lane(Gateway(host, 9, "g")) is None
    assert logs[0]["event"] == "lane.not_open"


async def test_a_lane_on_which_nothing_is_heard_any_more_is_closed() -> None:
    lanes = Lanes(RING, lambda _: None)
    with capture_logs():
        async with listening(Peer.shake_hands) as (gateway, _):
            lane = await lanes.lane(gateway)
            assert lane is not None
            assert await lane.ask(Frame(Kind.REPLY, MINE), 0.05) is None
            assert not lane.usable
