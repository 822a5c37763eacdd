"""Streams from an endpoint through a router to a gateway: what is told when, and what the books say of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, cast

import orjson
import pytest

from services.router import calling
from services.router.chunk_stream import ChunkStream
from services.router.streamed_call import StreamedCall
from services.router.streaming import OpenStream
from shared.crypto import KeyRing, SealedContext, open_sealed
from shared.crypto.keys import new_key
from shared.errors import failure
from shared.events import (
    CancelRequested,
    ReplyCompleted,
    ReplyFailed,
)
from shared.events.inference import SHADOW
from shared.events.topics import REPLIES, RESULTS
from shared.lane.frames import Kind
from shared.wire.reading.chunk_log import chunks_in
from shared.wire.reading.streams import Chunk, StreamSoFar
from tests.support.scripted_gateway import Heard, ScriptedGateway, taken
from tests.unit.router.streaming_world import (
    DONE,
    END,
    HEAD,
    RING,
    ROLE,
    USAGE,
    A,
    B,
    World,
    after_chunks,
    count,
    events,
    hangs,
    line,
    sends,
    then,
    world,
)
from tests.unit.router.values import holds_all, model, work


async def test_chunks_are_told_as_they_come_and_the_end_with_the_reply() -> None:
    gateway = ScriptedGateway(RING)
    serve = then(
        sends(HEAD, events(ROLE, A)), after_chunks(gateway, 1), sends(events(B)), after_chunks(gateway, 2),
        sends(events(END, USAGE, DONE)),
    )  # fmt: skip
    async with world(serve, gateway=gateway) as here:
        await here.run()
    assert [(chunks.attempt_number, chunks.sequence) for chunks in here.chunks] == [(1, 0), (1, 1), (1, 2)]
    assert here.lines == [ROLE, A, B, END, USAGE]
    said, body = here.reply
    assert isinstance(said, ReplyCompleted)
    assert (said.form, said.chunk_frames, said.attempt_number, body) == ("chunks", 3, 1, b"")
    assert here.endpoint.asked[0]["stream_options"] == {"include_usage": True}
    (ended,) = here.ended
    assert (ended.outcome, ended.streamed, ended.chunks, ended.usage_state) == ("succeeded", True, 5, "reported")
    assert (ended.input_tokens, ended.output_tokens, ended.finish_reasons) == (3, 2, ("stop",))
    assert ended.first_chunk_s is not None
    assert here.said(REPLIES) == []


async def test_another_model_may_answer_until_the_first_content_and_nothing_of_the_first_is_told() -> None:
    async with world(sends(HEAD, events(ROLE)), sends(HEAD, events(ROLE, A, END, DONE))) as here:
        await here.run()
    assert {chunks.attempt_number for chunks in here.chunks} == {2}
    assert here.lines == [ROLE, A, END]
    assert here.settled.settlement == "completed"
    assert [(ended.outcome, ended.chunks) for ended in here.ended] == [("failed", 1), ("succeeded", 3)]


@pytest.mark.parametrize(
    ("last", "error_type"),
    [
        pytest.param(b"", "stream_broken", id="cut"),
        pytest.param(events(line("stop"), b'{"error": {"code": 503, "type": "overloaded_error"}}'), "overloaded",
                     id="an error after the end"),
        pytest.param(events(b"{"), "stream_broken", id="no JSON"),
    ],
)  # fmt: skip
async def test_after_content_a_failure_is_the_end_and_the_stream_never_looks_complete(
    last: bytes, error_type: str
) -> None:
    gateway = ScriptedGateway(RING)
    serve = then(sends(HEAD, events(A, B)), after_chunks(gateway, 1), sends(last))
    async with world(serve, gateway=gateway, models=2) as here:
        await here.run()
    assert len(here.endpoint.asked) == 1
    assert here.lines == [A, B]
    said, _ = here.reply
    assert isinstance(said, ReplyFailed)
    assert said.error.error_type == error_type
    (ended,) = here.ended
    assert (ended.outcome, ended.streamed, ended.usage_state, ended.output_tokens) == ("failed", True, "estimated", 2)
    assert ended.input_tokens
    assert here.settled.settlement == "failed"


async def test_who_has_heard_the_second_model_is_told_how_that_one_failed() -> None:
    gateway = ScriptedGateway(RING)
    refuses = sends(b"HTTP/1.1 401 No\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
    broken = then(sends(HEAD, events(A)), after_chunks(gateway, 1))
    async with world(refuses, broken, gateway=gateway, models=2) as here:
        await here.run()
    said, _ = here.reply
    assert isinstance(said, ReplyFailed)
    assert said.error.error_type == "stream_broken"
    assert len(said.failed_attempts) == 2


async def test_after_a_cut_of_the_lane_all_is_told_anew_in_the_same_frames() -> None:
    gateway = ScriptedGateway(RING)

    async def cut(_: asyncio.StreamWriter) -> None:
        gateway.cut()

    serve = then(
        sends(HEAD, events(ROLE, A)), after_chunks(gateway, 1), sends(events(B, B)), after_chunks(gateway, 2), cut,
        sends(events(A)), after_chunks(gateway, 5), sends(events(END, DONE)),
    )  # fmt: skip
    async with world(serve, gateway=gateway) as here:
        await here.run()
    heard = [heard.connection for heard in gateway.heard if heard.frame.kind is Kind.CHUNK]
    first, second = heard.count(1), heard.count(2)
    assert (first, second) == (2, 4)
    assert here.chunks[:2] == here.chunks[2:4]
    assert [chunks.sequence for chunks in here.chunks[2:]] == [0, 1, 2, 3]
    assert here.settled.settlement == "completed"


async def test_who_cannot_be_reached_by_the_lane_gets_all_chunks_by_the_topic() -> None:
    async with world(sends(HEAD, events(A, END, USAGE, DONE)), by_lane=False) as here:
        await here.run()
    (reply,) = here.said(REPLIES)
    assert isinstance(reply, ReplyCompleted)
    assert reply.form == "chunks"
    context = SealedContext(reply.tenant_id, "reply", str(reply.inference_id))
    assert list(chunks_in(open_sealed(RING, context, reply.sealed_body), 10_000)) == [A, END, USAGE]


async def test_what_nobody_has_heard_may_be_answered_anew_although_it_had_content() -> None:
    async with world(sends(HEAD, events(A)), sends(HEAD, events(B, END, DONE)), by_lane=False) as here:
        await here.run()
    assert here.settled.settlement == "completed"


async def test_where_nobody_waits_the_endpoint_is_asked_for_the_whole_answer() -> None:
    body = b'{"choices":[{"index":0,"finish_reason":"stop","message":{"content":"a"}}]}'
    whole = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    async with world(sends(whole), by_lane=False, reply_partition=None) as here:
        await here.run()
    assert here.settled.settlement == "completed"
    assert not {"stream", "stream_options"} & here.endpoint.asked[0].keys()


async def test_a_copy_for_a_model_on_trial_is_streamed_and_told_to_nobody() -> None:
    fails, answers = sends(HEAD, events(ROLE, A)), sends(HEAD, events(ROLE, A, B, END, USAGE, DONE))
    async with world(fails, answers, by_lane=False, reply_partition=None, api_key_id=SHADOW) as here:
        await here.run()
    assert [asked["stream"] for asked in here.endpoint.asked] == [True, True], "nobody has heard the first one"
    assert [(ended.outcome, ended.chunks) for ended in here.ended] == [("failed", 2), ("succeeded", 5)]
    assert here.ended[-1].first_chunk_s is not None
    assert here.settled.settlement == "completed"
    assert (here.gateway.heard, here.said(REPLIES), here.said(RESULTS)) == ([], [], [])


async def test_when_nobody_waits_any_more_no_more_is_told_and_the_call_goes_on() -> None:
    gateway = ScriptedGateway(RING, lambda _: Kind.GONE)
    serve = then(sends(HEAD, events(A)), after_chunks(gateway, 1))
    gone = asyncio.Event()

    async def wait(_: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(20):
            await gone.wait()

    async with world(then(serve, wait, sends(events(B, END, DONE))), gateway=gateway) as here:
        heard = ChunkStream.heard

        def hears(self: ChunkStream, word: Kind) -> None:
            heard(self, word)
            gone.set()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ChunkStream, "heard", hears)
            await here.run()
    assert here.lines == [A]
    assert [one.frame.kind for one in gateway.heard] == [Kind.CHUNK, Kind.REPLY]
    _, body = here.reply  # somebody may have come to wait for all of it
    assert list(chunks_in(body, 10_000)) == [A, B, END]
    assert here.settled.settlement == "completed"


async def test_a_stream_that_a_lost_router_had_begun_is_not_called_for_again() -> None:
    gateway = ScriptedGateway(RING, lambda heard: Kind.BEGUN if heard.frame.kind is Kind.ASK else Kind.TAKEN)
    async with world(hangs, gateway=gateway, models=2, delivery=2, attempts_made=1) as here:
        await here.run()
    assert here.endpoint.asked == []
    assert (here.settled.settlement, here.settled.error and here.settled.error.error_type) == (
        "failed",
        "stream_broken",
    )
    (ended,) = here.ended
    assert (ended.outcome, ended.streamed) == ("failed", False)


async def test_a_stream_that_no_caller_has_heard_of_is_called_for_again() -> None:
    async with world(sends(HEAD, events(A, END, DONE)), delivery=2, attempts_made=1) as here:
        await here.run()
    assert {chunks.attempt_number for chunks in here.chunks} == {2}
    assert here.settled.settlement == "completed"


async def test_a_stream_of_which_nobody_knows_what_was_told_is_answered_by_the_topic() -> None:
    gateway = ScriptedGateway(KeyRing.parse(new_key()))
    async with world(
        sends(HEAD, events(A, END, DONE)), gateway=gateway, delivery=2, attempts_made=1
    ) as here:  # fmt: skip
        await here.run()
    assert len(here.said(REPLIES)) == 1
    assert here.settled.settlement == "completed"


async def _in_the_middle(end: Callable[[World, "asyncio.Task[None]"], object]) -> World:
    gateway = ScriptedGateway(RING)
    async with world(then(sends(HEAD, events(A, B)), hangs), gateway=gateway) as here:
        running = asyncio.create_task(here.run())
        await gateway.until(lambda heard: count(Kind.CHUNK)(heard) == 1)
        end(here, running)
        await running
    return here


async def test_a_caller_that_cancels_in_the_middle_pays_for_what_came() -> None:
    def cancel(here: World, _: "asyncio.Task[None]") -> None:
        request = here.job.request
        here.attempts.cancel(CancelRequested(inference_id=request.inference_id, tenant_id=request.tenant_id))

    here = await _in_the_middle(cancel)
    assert here.settled.settlement == "cancelled"
    (ended,) = here.ended
    assert (ended.usage_state, ended.output_tokens) == ("estimated", 2)


async def test_a_router_that_stops_in_the_middle_says_so_at_once() -> None:
    here = await _in_the_middle(lambda _, running: running.cancel())
    assert (here.settled.settlement, here.settled.error and here.settled.error.error_type) == (
        "failed",
        "stream_broken",
    )
    said, _ = here.reply
    assert isinstance(said, ReplyFailed)


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        pytest.param([events(A, END, DONE), events(USAGE)], 3, id="usage after the end"),
        pytest.param([events(A, END[:-1] + b',"usage":{"prompt_tokens":3,"completion_tokens":2}}', DONE)], 3,
                     id="usage with the end"),
        pytest.param([events(A, USAGE, END, DONE)], 3, id="usage before the end"),
    ],
)  # fmt: skip
async def test_usage_is_read_and_passed_on_wherever_an_endpoint_says_it(pieces: list[bytes], lines: int) -> None:
    async with world(sends(HEAD, *pieces)) as here:
        await here.run()
    assert (here.ended[0].usage_state, here.ended[0].input_tokens, here.ended[0].output_tokens) == ("reported", 3, 2)
    assert len(here.lines) == lines
    assert any(not chunk["choices"] and chunk["usage"] for chunk in map(orjson.loads, here.lines))


async def test_an_endpoint_that_stays_open_after_its_last_word_is_not_waited_for() -> None:
    async with world(then(sends(HEAD, events(A, END, DONE)), hangs)) as here:
        async with asyncio.timeout(20):
            await here.run()
    assert here.settled.settlement == "completed"


async def test_an_answer_that_is_not_streamed_is_told_with_the_reply() -> None:
    body = b'{"id":"c","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"content":"a"}}]}'
    whole = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    async with world(sends(whole)) as here:
        await here.run()
    (chunk,) = map(orjson.loads, here.lines)
    assert chunk["choices"][0]["delta"]["content"] == "a"
    assert here.settled.settlement == "completed"


@pytest.mark.parametrize(
    ("pieces", "error_type"),
    [
        pytest.param([b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>"], "bad_response",
                     id="a web page"),
        pytest.param([HEAD, events(DONE)], "bad_response", id="no choices"),
        pytest.param([HEAD, events(*[ROLE] * 5000)], "bad_response", id="endlessly nothing"),
        pytest.param([HEAD, events(orjson.dumps({"choices": [{"index": n, "delta": {}} for n in range(1001)]}))],
                     "stream_broken", id="choices"),
    ],
)  # fmt: skip
async def test_a_bad_answer_is_a_typed_end(pieces: list[bytes], error_type: str) -> None:
    async with world(sends(*pieces)) as here:
        await here.run()
    assert here.settled.error is not None
    assert here.settled.error.error_type == error_type
    assert here.chunks == []


async def test_a_stream_that_can_never_be_passed_on_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "MAX_BODY_BYTES", 20)
    async with world(sends(HEAD, events(*(line(content=new_key()) for _ in range(500)))), by_lane=False) as here:
        await here.run()
    assert len(here.endpoint.asked) == 1
    assert here.settled.error is not None
    assert here.settled.error.error_type == "bad_response"


async def test_a_stream_keeps_no_more_than_its_tenants_share() -> None:
    too_many = failure("too_many_requests", "no room")
    async with world(sends(HEAD, events(A, END, DONE))) as here:
        await here.run(lambda _: too_many)
    assert here.settled.error == too_many.model_copy(update={"retryable": False})


class _Opened:
    """Brings content without an end; counts how often it was read."""

    def __init__(self) -> None:
        self.so_far = StreamSoFar()
        self.first_content_at = 0.0
        self.read = 0

    async def reads(self) -> AsyncIterator[Iterator[Chunk]]:
        while self.read < 100:
            self.read += 1
            yield iter((Chunk(A, holds_content=True),))


async def test_while_the_caller_does_not_read_nothing_is_read_for_it() -> None:
    nothing: Any = None
    stream = ChunkStream(RING, nothing, None, work(model(), reference=None).request, 1)
    call, opened = StreamedCall(model(), stream, holds_all, 1000, 10_000), _Opened()
    stream.heard(Kind.PAUSE)
    reading = asyncio.create_task(call.read(cast("OpenStream", opened), lambda: 60.0))
    for _ in range(1000):
        await asyncio.sleep(0)
    assert opened.read == 1
    stream.heard(Kind.RESUME)
    await reading
    assert opened.read == 100


async def test_a_lane_that_is_lost_holds_no_stream_back() -> None:
    gateway = ScriptedGateway(RING)
    paused = False

    def answer(heard: Heard) -> Kind | None:
        nonlocal paused
        if heard.frame.kind is Kind.CHUNK and not paused:
            paused = True
            gateway.say(Kind.PAUSE, heard.frame.inference_id)
            asyncio.get_running_loop().call_later(0.05, gateway.cut)
        return taken(heard)

    gateway.answer = answer
    async with world(then(sends(HEAD, events(A)), after_chunks(gateway, 1), sends(events(B, END, DONE))),
                     gateway=gateway) as here:  # fmt: skip
        async with asyncio.timeout(20):
            await here.run()
    assert here.settled.settlement == "completed"


def test_chunks_that_say_the_same_in_another_way_travel_as_lines() -> None:
    assert all(b"\n" not in one for one in _lines_of(events(A).replace(b'"choices"', b'\ndata: "choices"')))


def _lines_of(said: bytes) -> Iterable[bytes]:
    from shared.wire.plain.chat_stream import OpenAIStream
    from shared.wire.reading.server_events import ServerEvents

    reader = OpenAIStream()
    return [chunk.data for event in ServerEvents(10_000).read(said) for chunk in reader.chunks(event)]
