"""From what a caller sent to its answer: what is refused, what is published, and what becomes of who leaves."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from services.gateway.inference.admission import Deadlines
from services.gateway.inference.completing import CallerLeftError, Completing, Left, Sent
from services.gateway.inference.doorkeeper import Doorkeeper
from services.gateway.inference.limits import LoadLimits
from services.gateway.inference.once import Once
from services.gateway.inference.rejections import Rejections
from shared.access import Caller
from shared.errors import TallygateError
from shared.events import CancelRequested, ReplyCompleted, SessionCapped, utc_now
from shared.inferences import Answer, InferenceFailedError, Inferences, NotAcknowledgedError, Pending, Results
from shared.inferences.streams import IncomingStream
from shared.lane.payloads import Chunks
from shared.priorities import Priority
from shared.registry import Registry, TenantModels
from shared.selection import Conditions
from shared.wire.reading.chunk_log import ChunkLog
from tests.unit.gateway.inference.keys import KeyTable
from tests.unit.shared.events.samples import reply_failed
from tests.unit.shared.inferences.fakes import RING, Broker, Table, reply_completed
from tests.unit.shared.inferences.test_streams import FakeLane
from tests.unit.shared.selection.values import model, tenant

CALLER = Caller("acme", "k1", frozenset({"inference"}), ("custom:*",))
BODY = b'{"model": "custom:m", "messages": [{"role": "user", "content": "hi"}]}'
MODELS = tenant(model(id="custom:m"))


class Models(Registry):
    """known: what this gateway knows; stored: what reading again brings."""

    def __init__(self, known: TenantModels = MODELS, stored: TenantModels = MODELS) -> None:
        self.known, self.stored = known, stored

    def of(self, _tenant_id: str) -> TenantModels:
        return self.known

    @property
    def stale(self) -> bool:
        return False

    async def refresh(self, _tenant_id: str) -> TenantModels:
        return self.stored


class Bench:
    def __init__(self, models: Models | None = None, limits: LoadLimits = LoadLimits()) -> None:  # noqa: B008 - a value
        self.broker, self.pending = Broker(), Pending()
        self.keys = KeyTable()
        results = Results(Table(), self.pending)
        self.completing = Completing(
            deadlines=Deadlines(60.0, 60.0),
            registry=models or Models(),
            conditions=Conditions(),
            doorkeeper=Doorkeeper(limits, lambda: None),
            rejections=Rejections(self.broker, "g1"),
            inferences=Inferences(self.broker, self.pending, results, RING, 7, 0.0),
            once=Once(self.keys, stale_after_s=6.0),
        )

    def chat(self, key: str | None = None, left: Left | None = None) -> "asyncio.Task[Answer]":
        headers = {"x-tallygate-session": "checkout-42", "x-tallygate-tags": "team=search"}
        headers |= {} if key is None else {"idempotency-key": key}
        sent = Sent(headers, "/v1/chat/completions", BODY, None, left)
        return asyncio.create_task(self._answer(sent))

    async def _answer(self, sent: Sent) -> Answer:
        with self.completing.let_in(CALLER, {}):
            return await self.completing.chat(CALLER, sent)

    async def asked(self) -> UUID:
        """The id of the first inference that was asked for."""
        async with asyncio.timeout(30):
            while not self.broker.requests:  # noqa: ASYNC110
                await asyncio.sleep(0)
        return self.broker.requests[0].inference_id

    async def cancelled(self) -> CancelRequested:
        async with asyncio.timeout(30):
            while True:
                for event in self.broker.events:
                    if isinstance(event, CancelRequested):
                        return event
                await asyncio.sleep(0.01)


async def test_the_answer_to_what_was_sent() -> None:
    bench = Bench()
    call = bench.chat()
    inference_id = await bench.asked()
    bench.pending.resolve(reply_completed(inference_id, b"completion"))
    answer = await call
    assert (answer.body, answer.replayed) == (b"completion", False)
    [request] = bench.broker.requests
    assert (request.options.allowed_models, request.api_key_id, request.store_result) == (("custom:*",), "k1", False)
    assert (request.session, request.tags) == ("checkout-42", {"team": "search"})
    assert request.priority == "interactive", "somebody waits for it"


@pytest.mark.parametrize(
    ("asked", "most", "granted"),
    [
        (None, "normal", "normal"),
        (None, "bulk", "bulk"),
        ("interactive", "bulk", "bulk"),
        ("bulk", "normal", "bulk"),
        ("bulk", None, "bulk"),
    ],
)
async def test_a_key_has_a_most_urgent_priority(asked: str | None, most: Priority | None, granted: str) -> None:
    bench, headers = Bench(), {} if asked is None else {"x-tallygate-priority": asked}
    caller = replace(CALLER, max_priority=most)
    with bench.completing.let_in(caller, headers):
        call = asyncio.create_task(bench.completing.chat(caller, Sent(headers, "/v1/chat/completions", BODY, None)))
        bench.pending.resolve(reply_completed(await bench.asked(), b"completion"))
        await call
    [request] = bench.broker.requests
    assert request.priority == granted


async def test_one_key_is_one_inference_and_the_second_answer_is_told_as_replayed() -> None:
    bench = Bench()
    first = bench.chat("k")
    inference_id = await bench.asked()
    second = bench.chat("k")
    await asyncio.sleep(0)
    bench.pending.resolve(reply_completed(inference_id, b"completion"))
    answers = await asyncio.gather(first, second)
    assert [(answer.inference_id, answer.replayed) for answer in answers] == [
        (inference_id, False),
        (inference_id, True),
    ]
    [request] = bench.broker.requests
    assert request.store_result


async def test_a_failure_is_told_as_replayed_too() -> None:
    bench = Bench()
    calls = [bench.chat("k")]
    inference_id = await bench.asked()
    calls.append(bench.chat("k"))
    await asyncio.sleep(0)
    bench.pending.resolve(reply_failed(inference_id=inference_id))
    failed = cast("list[InferenceFailedError]", await asyncio.gather(*calls, return_exceptions=True))
    assert [error.replayed for error in failed] == [False, True]


async def test_what_is_not_acked_has_an_id_and_is_cancelled_until_that_is_acked() -> None:
    bench = Bench()
    bench.broker.away = True
    with pytest.raises(NotAcknowledgedError, match="unavailable") as caught:
        await bench.chat()
    assert bench.broker.events == []

    bench.broker.away = False
    cancelled = await bench.cancelled()
    assert (cancelled.inference_id, cancelled.tenant_id) == (caught.value.inference_id, "acme")


async def test_with_a_key_what_is_not_acked_is_left_for_who_asks_again() -> None:
    bench = Bench()
    bench.broker.away = True
    with pytest.raises(NotAcknowledgedError) as caught:
        await bench.chat("k")
    assert not caught.value.replayed
    bench.broker.away = False
    await asyncio.sleep(0.6)
    assert bench.broker.events == []

    bench.broker.away = True
    for row in bench.keys.rows.values():
        row.taken_at -= timedelta(minutes=1)
    with pytest.raises(NotAcknowledgedError) as again:
        await bench.chat("k")
    assert again.value.inference_id == caught.value.inference_id
    assert not again.value.replayed, "asking once more may bring the answer"


async def test_a_cancellation_that_is_not_acked_is_not_lost_when_the_caller_has_left() -> None:
    bench, gone = Bench(), asyncio.Event()
    call = bench.chat(left=cast(Any, gone.wait))
    inference_id = await bench.asked()
    bench.broker.away = True
    gone.set()
    with pytest.raises(CallerLeftError):
        await call
    bench.broker.away = False
    assert (await bench.cancelled()).inference_id == inference_id


async def test_an_unknown_model_is_looked_up_once_more_before_it_is_refused() -> None:
    bench = Bench(Models(known=TenantModels()))
    call = bench.chat()
    bench.pending.resolve(reply_completed(await bench.asked(), b"completion"))
    assert (await call).model == "custom:m"

    bench = Bench(Models(TenantModels(), TenantModels()))
    with pytest.raises(TallygateError, match="model_not_found"):
        await bench.chat()
    assert bench.broker.events == []


async def test_who_is_over_a_limit_is_refused_under_an_id_of_its_own() -> None:
    bench = Bench(limits=LoadLimits(tenant_max_in_flight=1))
    first = bench.chat()
    inference_id = await bench.asked()
    with pytest.raises(InferenceFailedError, match="too_many_requests") as caught:
        await bench.chat()
    assert caught.value.inference_id != inference_id
    assert len(bench.broker.requests) == 1

    bench.pending.resolve(reply_completed(inference_id, b"completion"))
    await first
    bench.completing.enter(CALLER)  # the place is free again


async def test_a_session_that_is_used_up_is_refused_and_no_other() -> None:
    bench = Bench()
    bench.completing.conditions.heard(SessionCapped(tenant_id="acme", session="run-42", since=utc_now(), calls=0))
    with (
        pytest.raises(InferenceFailedError, match="quota_exceeded") as caught,
        bench.completing.let_in(CALLER, {"x-tallygate-session": "run-42"}),
    ):
        pass
    assert caught.value.failure.http_status == 402
    for headers in ({"x-tallygate-session": "run-43"}, {"x-tallygate-session": ""}, {}):
        with bench.completing.let_in(CALLER, headers):
            pass
    with bench.completing.let_in(replace(CALLER, tenant_id="other"), {"x-tallygate-session": "run-42"}):
        pass


async def test_who_leaves_and_wanted_it_so_has_its_inference_cancelled() -> None:
    bench, gone = Bench(), asyncio.Event()
    call = bench.chat(left=cast(Any, gone.wait))
    inference_id = await bench.asked()
    gone.set()
    with pytest.raises(CallerLeftError):
        await call
    cancelled = await bench.cancelled()
    assert (cancelled.inference_id, cancelled.reason) == (inference_id, "disconnected")


async def test_who_stays_gets_its_answer() -> None:
    bench, gone = Bench(), asyncio.Event()
    call = bench.chat(left=cast(Any, gone.wait))
    bench.pending.resolve(reply_completed(await bench.asked(), b"completion"))
    assert (await call).body == b"completion"


STREAMED = b'{"model": "custom:m", "stream": true, "messages": [{"role": "user", "content": "hi"}]}'


async def told(bench: Bench, key: str) -> tuple[bytes, bool]:
    """What a caller that sends the key is told, and whether as replayed."""
    sent = Sent({"idempotency-key": key}, "/v1/chat/completions", STREAMED, None)
    async with bench.completing.stream(CALLER, sent, bench.completing.admit(sent)) as streamed:
        chunks = [chunks async for chunks in streamed.chunks]
        assert streamed.chunks.answer is not None
        return b"\n".join(chunks), streamed.replayed


async def followed(bench: Bench, count: int) -> IncomingStream:
    """The stream of the first request, when so many callers follow it."""
    inference_id = await bench.asked()
    async with asyncio.timeout(30):
        while True:
            awaited = bench.pending.awaited(inference_id.bytes)
            if awaited is not None and awaited.stream is not None and len(awaited.stream.readers) == count:
                return awaited.stream
            await asyncio.sleep(0)


def all_chunks(inference_id: UUID, *chunks: bytes) -> ReplyCompleted:
    log = ChunkLog()
    for chunk in chunks:
        log.add(chunk)
    reply = reply_completed(inference_id, log.bytes_so_far)
    return reply.model_copy(update={"form": "chunks", "chunk_frames": len(chunks)})


async def test_who_sends_the_key_of_a_stream_in_the_air_follows_it_from_the_beginning() -> None:
    bench, lane = Bench(), FakeLane()
    first = asyncio.create_task(told(bench, "k"))
    stream = await followed(bench, 1)
    stream.take(Chunks(1, 0, b"a"), lane)
    second = asyncio.create_task(told(bench, "k"))
    await followed(bench, 2)
    stream.take(Chunks(1, 1, b"b"), lane)
    bench.pending.resolve(all_chunks(stream.inference_id, b"a", b"b"))
    assert [*await asyncio.gather(first, second)] == [(b"a\nb", False), (b"a\nb", True)]
    assert [request.store_result for request in bench.broker.requests] == [True]


async def test_a_stream_that_is_over_is_told_again_from_its_stored_result() -> None:
    bench = Bench()
    first = asyncio.create_task(told(bench, "k"))
    stream = await followed(bench, 1)
    whole = all_chunks(stream.inference_id, b"a", b"b")
    bench.pending.resolve(whole)
    assert await first == (b"a\nb", False)
    again = asyncio.create_task(told(bench, "k"))
    await followed(bench, 1)
    bench.pending.resolve(whole)  # as `Results` does with what it finds
    assert await again == (b"a\nb", True)


async def test_a_stream_that_is_not_acked_is_cancelled_unless_it_has_a_key() -> None:
    bench = Bench()
    bench.broker.away = True
    for headers in ({"idempotency-key": "k"}, {}):
        sent = Sent(headers, "/v1/chat/completions", STREAMED, None)
        with pytest.raises(NotAcknowledgedError) as caught:
            async with bench.completing.stream(CALLER, sent, bench.completing.admit(sent)):
                pass
    bench.broker.away = False
    assert (await bench.cancelled()).inference_id == caught.value.inference_id
    assert len(bench.broker.events) == 1


async def test_a_stream_expires_a_moment_after_its_deadline() -> None:
    bench = Bench()
    sent = Sent({"x-tallygate-deadline-s": "0.05"}, "/v1/chat/completions", STREAMED, None)
    with pytest.raises(InferenceFailedError, match="expired"):
        async with bench.completing.stream(CALLER, sent, bench.completing.admit(sent)) as streamed:
            await anext(streamed.chunks)
