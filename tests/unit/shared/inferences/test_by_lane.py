"""Replies that come by the lane: to who waits, with their answer opened, the first of two."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.events import ReplyCompleted, new_id
from shared.inferences import ByLane, InferenceFailedError, Inferences, Pending, Results
from shared.lane import Frame, Kind, Lanes, Listener
from shared.lane.payloads import Chunks, chunk_context, sealed_chunks, sealed_reply
from shared.lane.router_side import Gateway
from tests.unit.shared.events.samples import INFERENCE, reply_failed
from tests.unit.shared.inferences.fakes import RING, Broker, Table, reply_completed
from tests.unit.shared.inferences.test_inferences import order


class World(NamedTuple):
    pending: Pending
    lanes: Lanes
    gateway: Gateway
    words: list[Frame]

    def inferences(self) -> Inferences:
        return Inferences(Broker(), self.pending, Results(Table(), self.pending), RING, None, 0.0)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """A gateway's listener and a router, on loopback."""
    pending, words = Pending(), list[Frame]()
    hearing = ByLane(RING, pending)
    listener = Listener(ring=RING, gateway_id="g", on_frame=hearing.on_frame, max_frame_bytes=100_000, max_lanes=9)
    port = await listener.start("127.0.0.1", 0)
    lanes = Lanes(RING, words.append)
    try:
        yield World(pending, lanes, Gateway("127.0.0.1", port, "g"), words)
    finally:
        await lanes.stop()
        await listener.stop()


def completed(inference_id: UUID = INFERENCE, tenant_id: str = "acme") -> ReplyCompleted:
    return ReplyCompleted(
        inference_id=inference_id, tenant_id=tenant_id, sealed_body="", model_served="custom:m", attempts=2
    )


async def test_an_answer_by_the_lane_is_the_answer() -> None:
    async with world() as here:
        with here.pending.expect(INFERENCE, "acme") as future:
            payload = sealed_reply(RING, completed(), b"completion")
            assert await here.lanes.reply(here.gateway, INFERENCE.bytes, payload, 5)
            answer = here.inferences().answer(await future)
        assert (answer.body, answer.model, answer.attempts) == (b"completion", "custom:m", 2)
        assert here.words == []


async def test_a_failure_by_the_lane_is_told_as_one() -> None:
    async with world() as here:
        with here.pending.expect(INFERENCE, "acme") as future:
            failed = reply_failed(tenant_id="acme")
            assert await here.lanes.reply(here.gateway, INFERENCE.bytes, sealed_reply(RING, failed, b""), 5)
            with pytest.raises(InferenceFailedError) as caught:
                here.inferences().answer(await future)
        assert caught.value.failure == failed.error


async def test_of_a_reply_by_the_topic_and_one_by_the_lane_the_first_counts() -> None:
    async with world() as here:
        with here.pending.expect(INFERENCE, "acme") as future:
            first = reply_completed(INFERENCE, b"by the topic")
            here.pending.resolve(first)
            payload = sealed_reply(RING, completed(), b"by the lane")
            assert await here.lanes.reply(here.gateway, INFERENCE.bytes, payload, 5)
            assert here.inferences().answer(await future).body == b"by the topic"


async def test_what_nobody_waits_for_is_gone_and_what_is_awaited_and_untold_is_fresh() -> None:
    async with world() as here:
        with here.pending.expect(INFERENCE, "acme"):
            lane = await here.lanes.lane(here.gateway)
            assert lane is not None
            asked = [Frame(Kind.ASK, inference_id.bytes) for inference_id in (INFERENCE, new_id())]
            assert [await lane.ask(frame, 5) for frame in asked] == [Kind.FRESH, Kind.GONE]


async def test_chunks_of_a_stream_reach_who_follows_it_and_it_is_begun_then() -> None:
    context = chunk_context("acme", INFERENCE)
    async with world() as here:
        with here.inferences().stream(order(), INFERENCE) as stream:
            assert await asked(here) == Kind.FRESH
            payload = sealed_chunks(RING, context, Chunks(1, 0, b"a"))
            await here.lanes.send(here.gateway, Frame(Kind.CHUNK, INFERENCE.bytes, payload))
            assert await anext(stream) == b"a"
            assert await asked(here) == Kind.BEGUN
            said = completed().model_copy(update={"form": "chunks", "chunk_frames": 1})
            assert await here.lanes.reply(here.gateway, INFERENCE.bytes, sealed_reply(RING, said, b""), 5)
            assert [chunks async for chunks in stream] == []
        await here.lanes.send(here.gateway, Frame(Kind.CHUNK, INFERENCE.bytes, payload))
        assert [word.kind for word in await words(here, 1)] == [Kind.GONE]


async def test_of_what_is_not_followed_chunks_are_not_taken() -> None:
    async with world() as here:
        with here.pending.expect(INFERENCE, "acme"):
            await here.lanes.send(here.gateway, Frame(Kind.CHUNK, INFERENCE.bytes, b"unreadable"))
            assert [word.kind for word in await words(here, 1)] == [Kind.GONE]


OTHER_RING = KeyRing.parse(new_key())


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00\x00\x00\xff\xff{}", id="cut short"),
        pytest.param(sealed_reply(RING, completed(tenant_id="other"), b"x"), id="another tenant's"),
        pytest.param(sealed_reply(RING, completed(new_id()), b"x"), id="another inference's"),
        pytest.param(sealed_reply(OTHER_RING, completed(), b"x"), id="under another key"),
    ],
)
async def test_a_reply_that_cannot_be_opened_ends_its_lane_and_nothing_else(payload: bytes) -> None:
    async with world() as here:
        with here.pending.expect(INFERENCE, "acme") as future, capture_logs() as logs:
            assert not await here.lanes.reply(here.gateway, INFERENCE.bytes, payload, 5)
            assert [entry["event"] for entry in logs] == ["lane.broken"]
            assert not future.done()
            good = sealed_reply(RING, completed(), b"completion")
            assert await here.lanes.reply(here.gateway, INFERENCE.bytes, good, 5)  # by a new lane
            assert here.inferences().answer(await future).body == b"completion"


async def asked(here: World) -> Kind | None:
    lane = await here.lanes.lane(here.gateway)
    assert lane is not None
    return await lane.ask(Frame(Kind.ASK, INFERENCE.bytes), 5)


async def words(here: World, count: int) -> list[Frame]:
    async with asyncio.timeout(10):
        while len(here.words) < count:  # noqa: ASYNC110 - a socket brings them
            await asyncio.sleep(0.001)
    return here.words
