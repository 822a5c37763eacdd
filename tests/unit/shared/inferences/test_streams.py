"""The chunks of one answer: in order, each once, to all who read it, and never complete when it is not."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest

from shared.crypto import seal
from shared.events import ReplyCompleted
from shared.events.reply import AttemptSummary
from shared.inferences import AnswerStream, AnyReply, InferenceFailedError, Inferences, Pending, Results, StreamLimits
from shared.inferences.streams import IncomingStream
from shared.lane import Kind
from shared.lane.listener import Lane
from shared.lane.payloads import Chunks, LaneReply, reply_context
from shared.wire.reading.chunk_log import ChunkLog
from tests.unit.shared.events.samples import INFERENCE, reply_failed
from tests.unit.shared.inferences.fakes import RING, Broker, Table

LIMITS = StreamLimits(waiting_bytes=10, most_waiting_bytes=100)


class FakeLane(Lane):
    def __init__(self) -> None:
        self.said: list[str] = []

    def pause(self, _inference_id: bytes) -> None:
        self.said.append("pause")

    def resume(self, _inference_id: bytes) -> None:
        self.said.append("resume")


LANE = FakeLane()


def incoming(*, stored: bool = False, limits: StreamLimits = StreamLimits()) -> IncomingStream:  # noqa: B008
    pending = Pending()
    opened = Inferences(Broker(), pending, Results(Table(), pending), RING, 7, 0.0).answer
    return IncomingStream("acme", INFERENCE, "openai", opened, stored=stored, limits=limits)


def said(chunk_frames: int, *, attempt_number: int = 1, form: str = "chunks") -> ReplyCompleted:
    return ReplyCompleted.model_validate(
        {
            "inference_id": INFERENCE, "tenant_id": "acme", "sealed_body": "", "form": form, "model_served": "custom:m",
            "attempts": attempt_number, "attempt_number": attempt_number, "chunk_frames": chunk_frames,
        }
    )  # fmt: skip


def by_lane(chunk_frames: int, attempt_number: int = 1) -> LaneReply:
    return LaneReply(said(chunk_frames, attempt_number=attempt_number), b"")


def whole(*lines: bytes, chunk_frames: int = 0, attempt_number: int = 1) -> ReplyCompleted:
    """As it is stored, and on the topic."""
    log = ChunkLog()
    for line in lines:
        log.add(line)
    return sealed(log.bytes_so_far, said(chunk_frames, attempt_number=attempt_number))


def sealed(body: bytes, reply: ReplyCompleted) -> ReplyCompleted:
    body_text = seal(RING, reply_context("acme", INFERENCE), body)
    return reply.model_copy(update={"sealed_body": body_text})


async def told(stream: AnswerStream) -> list[bytes]:
    """All chunks to the end."""
    async with asyncio.timeout(10):
        return [line async for chunks in stream for line in chunks.split(b"\n")]


@contextmanager
def broken(detail: str, error_type: str = "stream_broken") -> Iterator[None]:
    with pytest.raises(InferenceFailedError, match=detail) as caught:
        yield
    assert (caught.value.failure.error_type, caught.value.inference_id) == (error_type, INFERENCE)


async def test_chunks_are_told_in_order_to_the_end() -> None:
    stream = incoming()
    reader = stream.reader()
    telling = asyncio.create_task(told(reader))
    for n in range(5):
        assert stream.take(Chunks(1, n, b"a%d\nb%d" % (n, n)), LANE) is None
        await asyncio.sleep(0)
    assert stream.end(by_lane(5))
    assert await telling == [b"%c%d" % (letter, n) for n in range(5) for letter in b"ab"]
    assert reader.answer is not None
    assert (reader.answer.model, reader.answer.body) == ("custom:m", b"")


async def test_what_is_there_at_once_is_told_at_once() -> None:
    stream = incoming()
    reader = stream.reader()
    for n in range(3):
        stream.take(Chunks(1, n, b"%d" % n), LANE)
    assert await anext(reader) == b"0\n1\n2"


async def test_a_late_answer_to_an_earlier_call_does_not_end_what_is_told_of_a_later_one() -> None:
    stream = incoming()
    reader = stream.reader()
    stream.take(Chunks(2, 0, b"a"), LANE)
    assert not stream.end(by_lane(7, attempt_number=1))
    stream.take(Chunks(2, 1, b"b"), LANE)
    assert stream.end(by_lane(2, attempt_number=2))
    assert await told(reader) == [b"a", b"b"]


async def test_after_a_cut_of_the_lane_what_was_heard_is_dropped() -> None:
    stream = incoming()
    reader = stream.reader()
    for n in (0, 1, 0, 1, 2):
        assert stream.take(Chunks(1, n, b"%d" % n), LANE) is None
    stream.end(by_lane(3))
    assert await told(reader) == [b"0", b"1", b"2"]


@pytest.mark.parametrize(
    ("frame", "detail"),
    [
        pytest.param(Chunks(1, 2, b"c"), "part 2 came where part 1 should", id="a gap"),
        pytest.param(Chunks(2, 0, b"c"), "call 2 was answered after a part of the answer to call 1", id="another call"),
    ],
)
async def test_what_cannot_follow_breaks_the_stream_after_what_had_come(frame: Chunks, detail: str) -> None:
    stream = incoming()
    reader = stream.reader()
    stream.take(Chunks(1, 0, b"a"), LANE)
    assert stream.take(frame, LANE) is Kind.GONE
    assert await anext(reader) == b"a"
    with broken(detail):
        await anext(reader)
    assert stream.take(Chunks(1, 1, b"b"), LANE) is Kind.GONE
    assert reader.answer is None


async def test_of_an_earlier_call_nothing_is_heard_any_more() -> None:
    stream = incoming()
    reader = stream.reader()
    stream.take(Chunks(2, 0, b"b"), LANE)
    assert stream.take(Chunks(1, 0, b"a"), LANE) is None
    stream.end(by_lane(1, attempt_number=2))
    assert await told(reader) == [b"b"]


async def test_a_stream_of_which_a_frame_was_not_heard_is_not_whole() -> None:
    stream = incoming()
    reader = stream.reader()
    stream.take(Chunks(1, 0, b"a"), LANE)
    assert stream.end(by_lane(2))
    with broken("1 of its 2 parts have come"):
        await told(reader)


async def test_what_the_lane_did_not_bring_is_told_from_the_reply_on_the_topic() -> None:
    stream = incoming()
    reader = stream.reader()
    stream.take(Chunks(1, 0, b"a\nb"), LANE)
    assert stream.end(whole(b"a", b"b", b"c", b"d"))
    assert await told(reader) == [b"a", b"b", b"c", b"d"]


async def test_a_whole_answer_of_another_call_does_not_follow_a_part_of_one() -> None:
    stream = incoming()
    reader = stream.reader()
    stream.take(Chunks(1, 0, b"a"), LANE)
    stream.end(whole(b"x", b"y", attempt_number=2))
    with broken("not that of which a part was told"):
        await told(reader)


async def test_a_completion_is_told_as_chunks_when_nothing_was_told() -> None:
    completion = {"id": "1", "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}
    stream, late = incoming(), incoming()
    reader, reader_of_late = stream.reader(), late.reader()
    reply = sealed(orjson.dumps(completion), said(0, form="completion"))
    stream.end(reply)
    [chunk] = await told(reader)
    assert orjson.loads(chunk)["choices"] == [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]
    late.take(Chunks(1, 0, b"a"), LANE)
    late.end(reply)
    with broken("not that of which a part was told"):
        await told(reader_of_late)


@pytest.mark.parametrize(
    ("reply", "error_type"),
    [
        pytest.param(sealed(b"no completion", said(0, form="completion")), "stream_broken", id="no completion"),
        pytest.param(sealed(b"no log", said(0)), "stream_broken", id="no log"),
        pytest.param(said(0).model_copy(update={"sealed_body": "unreadable"}), "key_unreadable", id="not sealed"),
    ],
)
async def test_an_answer_that_cannot_be_read_is_a_typed_end(reply: AnyReply, error_type: str) -> None:
    stream = incoming()
    reader = stream.reader()
    stream.end(reply)
    with broken("the answer", error_type):
        await told(reader)


async def test_a_failure_is_told_after_what_had_come_with_every_call() -> None:
    stream = incoming()
    reader = stream.reader()
    stream.take(Chunks(1, 0, b"a"), LANE)
    call = AttemptSummary(model="custom:m", error_type="stream_broken", detail="h:80 broke off")
    stream.end(LaneReply(reply_failed(failed_attempts=(call,), attempts=1), b""))
    assert await anext(reader) == b"a"
    with pytest.raises(InferenceFailedError) as caught:
        await anext(reader)
    assert caught.value.failed_attempts == (call.model_dump(),)


async def test_who_does_not_read_holds_its_stream_back_until_it_has_taken_enough() -> None:
    lane = FakeLane()
    stream = incoming(limits=LIMITS)
    reader = stream.reader()
    for n in range(4):
        stream.take(Chunks(1, n, b"12345"), lane)
    assert lane.said == ["pause"]
    again = FakeLane()  # the router has come by another lane, and does not know
    stream.take(Chunks(1, 4, b"12345"), again)
    assert again.said == ["pause"]
    await anext(reader)
    assert (lane.said, again.said) == (["pause"], ["pause", "resume"])


async def test_what_comes_all_the_same_is_bounded() -> None:
    stream = incoming(limits=LIMITS)
    reader = stream.reader()
    told_to_go_on = [stream.take(Chunks(1, n, bytes(30)), LANE) for n in range(4)]
    assert told_to_go_on == [None, None, None, Kind.GONE]
    assert reader.waiting_bytes == 0
    with broken("was not read", "cancelled"):
        await anext(reader)


async def test_who_comes_later_is_told_what_came_and_then_what_comes() -> None:
    stream = incoming(stored=True)
    first = stream.reader()
    stream.take(Chunks(1, 0, b"a\nb"), LANE)
    second = stream.reader()
    stream.take(Chunks(1, 1, b"c"), LANE)
    stream.end(by_lane(2))
    third = stream.reader()
    assert [await told(reader) for reader in (first, second, third)] == [[b"a", b"b", b"c"]] * 3


async def test_who_comes_too_late_for_the_beginning_is_told_all_from_the_stored_answer() -> None:
    stream = incoming(stored=True, limits=StreamLimits(followed_bytes=1000))
    first = stream.reader()
    long = os.urandom(20_000).hex().encode()
    stream.take(Chunks(1, 0, long), LANE)
    late = stream.reader()
    stream.take(Chunks(1, 1, b"b"), LANE)
    assert stream.end(by_lane(2))
    assert not late.ended
    assert stream.end(whole(long, b"b", chunk_frames=2))
    assert [await told(reader) for reader in (first, late)] == [[long, b"b"]] * 2


async def test_where_the_first_caller_has_left_the_rest_of_its_frames_is_of_no_use() -> None:
    stream = incoming(stored=True)
    late = stream.reader()
    assert stream.take(Chunks(1, 5, b"f"), LANE) is Kind.GONE
    assert not stream.end(by_lane(6)), "the stored answer has all of it"
    assert stream.end(whole(b"a", b"f", chunk_frames=6))
    assert await told(late) == [b"a", b"f"]


async def test_who_is_cut_off_is_told_nothing_more() -> None:
    stream = incoming()
    reader = stream.reader()
    stream.take(Chunks(1, 0, b"a"), LANE)
    reader.cut_off(ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        await anext(reader)


async def test_who_waits_can_be_woken_without_a_chunk() -> None:
    reader = incoming().reader()
    waiting = asyncio.ensure_future(reader.__anext__())
    await asyncio.sleep(0)
    reader.wake()
    assert await waiting == b""
