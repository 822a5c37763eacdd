"""Replies by the lane: when it can be had, and what happens when it cannot."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import pytest

from services.router import callers, reports
from services.router.attempts import Attempts
from services.router.breaker import BreakerPolicy
from services.router.gate import Gate
from services.router.retry import RetryPolicy
from services.router.transport import Transport
from services.router.work import Begun, Refused, Work
from shared.crypto import KeyRing, SealedContext, open_sealed
from shared.crypto.keys import new_key
from shared.errors import TallygateError, failure
from shared.events import Event, ReplyCompleted, ReplyFailed, utc_now
from shared.events.codec import decode
from shared.events.topics import OUTCOMES, REPLIES, RESULTS, Topic
from shared.kafka.local import LocalBroker
from shared.kafka.publisher import Outgoing, Publisher
from shared.lane.frames import Kind
from shared.lane.payloads import LaneReply, open_reply
from shared.registry import Model
from shared.wire import Completion, CompletionRead
from tests.support.places import no_places
from tests.support.scripted_gateway import ScriptedGateway, listening
from tests.unit.router.values import beating, holds_all, model, work

RING = KeyRing.parse(new_key())
BODY = b'{"choices":[]}'


class _Endpoint:
    async def complete(self, _: Model, *__: object) -> Completion:
        return Completion(BODY, CompletionRead())


class _Publisher(Publisher):
    def __init__(self, broker: LocalBroker, source: str) -> None:
        super().__init__(broker, source)
        self.asked, self.acked, self.refused = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.acked.set()
        self.late = False
        self.takes_only: Topic | None = None

    @property
    def acks_are_late(self) -> bool:
        return self.late

    async def publish(self, *outgoing: Outgoing) -> None:
        self.asked.set()
        await self.acked.wait()
        if self.takes_only is not None and any(one.topic is not self.takes_only for one in outgoing):
            self.refused.set()
            raise TallygateError("unavailable", "no leader")
        await super().publish(*outgoing)


class _Router:
    def __init__(self, **request: Any) -> None:
        self.broker = LocalBroker()
        self.publisher = _Publisher(self.broker, "test")
        now = utc_now()
        self.job = work(
            model(id="custom:m", endpoint_url="http://h:80/v1"), accepted_at=now,
            deadline_at=now + timedelta(seconds=60), **request,
        )  # fmt: skip
        self._attempts = Attempts(
            "r1", RING, cast("Transport", _Endpoint()), self.publisher, RetryPolicy(3, 0.0, 0.0),
            Gate(BreakerPolicy(), no_places()), beating(),
        )  # fmt: skip

    async def run(self) -> None:
        await self.publisher.start()
        admitted = self._attempts.admit(self.job)
        assert isinstance(admitted, Work)
        started = reports.attempt_started(admitted, admitted.first, 1, "r1", utc_now())
        await self._attempts.run(Begun(admitted, started), 0, holds_all)

    async def refuse(self) -> None:
        await self.publisher.start()
        await self._attempts.refuse(Refused(self.job.request, "failed", failure("expired", "too late"), None))

    async def stop(self) -> None:
        await self._attempts.stop()

    def said(self, topic: Topic) -> list[Event]:
        return [decode(topic, record.headers, record.value) for record in self.broker.cluster.records(topic.name)]

    def heard(self, gateway: ScriptedGateway) -> list[LaneReply]:
        request = self.job.request
        replies = [heard.frame for heard in gateway.heard if heard.frame.kind is Kind.REPLY]
        return [open_reply(RING, request.tenant_id, request.inference_id, frame.payload) for frame in replies]


@asynccontextmanager
async def _waiting(gateway: ScriptedGateway, **request: Any) -> AsyncIterator[_Router]:
    """A router with a request of a caller who waits at the gateway."""
    async with listening(gateway) as reply_to:
        router = _Router(**{"reply_partition": 3} | request, reply_to=reply_to)
        try:
            yield router
        finally:
            await router.stop()


async def test_an_answer_goes_by_the_lane_and_not_by_its_topic() -> None:
    gateway = ScriptedGateway(RING)
    async with _waiting(gateway) as router:
        await router.run()
    ((said, body),) = router.heard(gateway)
    assert isinstance(said, ReplyCompleted)
    assert (said.sealed_body, said.model_served, body) == ("", "custom:m", BODY)
    assert len(router.said(OUTCOMES)) == 1
    assert router.said(REPLIES) == []


async def test_a_refusal_goes_by_the_lane() -> None:
    gateway = ScriptedGateway(RING)
    async with _waiting(gateway) as router:
        await router.refuse()
    ((said, _),) = router.heard(gateway)
    assert isinstance(said, ReplyFailed)
    assert said.error.error_type == "expired"
    assert router.said(REPLIES) == []


async def test_what_is_stored_goes_by_its_topic_as_well() -> None:
    gateway = ScriptedGateway(RING)
    async with _waiting(gateway, store_result=True) as router:
        await router.run()
    assert len(router.heard(gateway)) == 1
    (stored,) = router.said(RESULTS)
    assert isinstance(stored, ReplyCompleted)
    context = SealedContext(stored.tenant_id, "reply", str(stored.inference_id))
    assert open_sealed(RING, context, stored.sealed_body) == BODY


@pytest.mark.parametrize(
    "gateway",
    [
        pytest.param(ScriptedGateway(KeyRing.parse("k1:" + "A" * 43 + "=")), id="another key"),
        pytest.param(ScriptedGateway(RING, lambda _: None), id="no answer"),
    ],
)
async def test_who_cannot_be_told_by_the_lane_is_told_by_the_topic(
    gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "_ANSWERED_WITHIN_S", 0.05)
    async with _waiting(gateway) as router:
        await router.run()
    (reply,) = router.said(REPLIES)
    assert isinstance(reply, ReplyCompleted)
    context = SealedContext(reply.tenant_id, "reply", str(reply.inference_id))
    assert open_sealed(RING, context, reply.sealed_body) == BODY


async def test_a_lane_that_is_cut_under_a_reply_leaves_it_to_the_topic() -> None:
    gateway = ScriptedGateway(RING)
    gateway.answer = lambda _: gateway.cut()
    async with _waiting(gateway) as router:
        await router.run()
    assert len(router.said(REPLIES)) == 1


async def test_who_can_be_told_by_the_lane_alone_is_told_when_it_is_there_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(callers, "REST_S", 0.0)
    gateway = ScriptedGateway(RING)
    gateway.answer = lambda heard: gateway.cut() if heard.connection == 1 else Kind.TAKEN
    async with _waiting(gateway, reply_partition=None) as router:
        await router.run()
    assert [heard.connection for heard in gateway.heard] == [1, 2]
    assert router.said(REPLIES) == []


async def test_a_caller_is_told_although_the_broker_has_not_acked() -> None:
    gateway = ScriptedGateway(RING)
    async with _waiting(gateway) as router:
        router.publisher.acked.clear()
        running = asyncio.create_task(router.run())
        await gateway.until(lambda heard: len(heard) == 1)
        assert not running.done()
        router.publisher.acked.set()
        await running


async def test_while_acks_come_late_a_caller_is_told_what_is_on_record() -> None:
    gateway = ScriptedGateway(RING)
    async with _waiting(gateway) as router:
        router.publisher.late = True
        router.publisher.acked.clear()
        running = asyncio.create_task(router.run())
        await router.publisher.asked.wait()
        await asyncio.sleep(0.01)
        assert not gateway.heard
        router.publisher.acked.set()
        await running
    assert len(router.heard(gateway)) == 1


async def test_who_is_told_by_the_topic_alone_is_told_what_is_on_record_too() -> None:
    router = _Router(reply_partition=3)
    router.publisher.late, router.publisher.takes_only = True, OUTCOMES
    running = asyncio.create_task(router.run())
    await router.publisher.refused.wait()
    assert len(router.said(OUTCOMES)) == 1
    router.publisher.takes_only = None
    await running
    assert len(router.said(REPLIES)) == 1


async def test_the_books_say_of_nothing_that_it_has_ended_whose_result_is_not_stored() -> None:
    async with _waiting(ScriptedGateway(RING), store_result=True) as router:
        router.publisher.takes_only = RESULTS
        running = asyncio.create_task(router.run())
        await router.publisher.refused.wait()
        assert len(router.said(RESULTS)) == 1
        assert router.said(OUTCOMES) == []
        router.publisher.takes_only = None
        await running
    assert len(router.said(OUTCOMES)) == 1
