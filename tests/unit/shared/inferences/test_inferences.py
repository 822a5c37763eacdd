"""What is published to ask for an inference, and what becomes of the reply."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.crypto import SealedContext, open_sealed
from shared.errors import TallygateError
from shared.events import CancelRequested, ReplyTo, RoutingOptions, utc_now
from shared.events.reply import AttemptSummary
from shared.inferences import InferenceFailedError, Inferences, Order, Pending, Results
from tests.unit.shared.events.samples import INFERENCE, reply_failed
from tests.unit.shared.inferences.fakes import RING, Broker, Table, reply_completed

BODY = b'{"messages": [{"role": "user", "content": "hi"}]}'


def order(deadline_s: float = 60.0, **more: Any) -> Order:
    now = utc_now()
    fields: dict[str, Any] = {
        "tenant_id": "acme",
        "body": BODY,
        "model": "custom:m",
        "options": RoutingOptions(),
        "api_key_id": "k1",
    }
    return Order(**fields | {"accepted_at": now, "deadline_at": now + timedelta(seconds=deadline_s)} | more)


def inferences(broker: Broker, pending: Pending | None = None, grace_s: float = 0.0) -> Inferences:
    pending = pending or Pending()
    return Inferences(broker, pending, Results(Table(), pending), RING, 7, grace_s)


async def test_the_request_says_who_wants_what_and_where_the_answer_goes() -> None:
    broker, wanted = Broker(), order(registry_version=3)
    await inferences(broker).publish(wanted, INFERENCE, store_result=True, republished=True)

    [request] = broker.requests
    assert (request.inference_id, request.tenant_id, request.request_model) == (INFERENCE, "acme", "custom:m")
    assert (request.registry_version, request.api_key_id, request.reply_partition) == (3, "k1", 7)
    assert (request.accepted_at, request.deadline_at) == (wanted.accepted_at, wanted.deadline_at)
    assert (request.store_result, request.republished) == (True, True)
    assert request.sealed_input is not None
    assert open_sealed(RING, SealedContext("acme", "input", str(INFERENCE)), request.sealed_input) == BODY


async def test_the_request_says_by_which_lane_it_is_answered() -> None:
    broker, pending = Broker(), Pending()
    lane = ReplyTo(host="10.0.0.7", port=4000, gateway_id="g1-life")
    asked = Inferences(broker, pending, Results(Table(), pending), RING, None, 0.0, reply_to=lane)
    await asked.publish(order(), INFERENCE)
    [request] = broker.requests
    assert (request.reply_to, request.reply_partition, request.is_awaited) == (lane, None, True)


async def test_what_is_not_acked_by_the_deadline_is_told() -> None:
    broker = Broker()
    broker.away = True
    with pytest.raises(TallygateError, match="unavailable"):
        await inferences(broker).publish_until_acked(order(-1.0), INFERENCE)


async def test_the_answer_of_a_reply_is_opened() -> None:
    pending = Pending()
    asked, reply = inferences(Broker(), pending), reply_completed(INFERENCE, b"completion")
    with asked.expect(INFERENCE, "acme") as future:
        pending.resolve(reply)
        answer = asked.answer(await asked.reply(order(), INFERENCE, future))
    assert (answer.inference_id, answer.body, answer.model, answer.attempts) == (
        INFERENCE,
        b"completion",
        "custom:m",
        1,
    )


def test_an_answer_that_cannot_be_opened_is_told_with_its_id() -> None:
    reply = reply_completed(INFERENCE, b"completion", "other").model_copy(update={"tenant_id": "acme"})
    with pytest.raises(InferenceFailedError, match="cannot be opened") as caught:
        inferences(Broker()).answer(reply)
    assert (caught.value.failure.error_type, caught.value.inference_id) == ("key_unreadable", INFERENCE)


def test_a_failure_names_every_call_that_was_made() -> None:
    call = AttemptSummary(model="custom:m", error_type="server_error", detail="h:80 answered 500")
    reply = reply_failed(failed_attempts=(call,), attempts=1)
    with pytest.raises(InferenceFailedError) as caught:
        inferences(Broker()).answer(reply)
    assert (caught.value.inference_id, caught.value.failure, caught.value.attempts) == (INFERENCE, reply.error, 1)
    assert caught.value.failed_attempts == (call.model_dump(),)


async def test_who_has_waited_already_waits_no_longer_than_until_the_deadline() -> None:
    pending, wanted = Pending(), order(60.0)
    asked = Inferences(
        Broker(),
        pending,
        Results(Table(), pending),
        RING,
        7,
        0.01,
        now=lambda: wanted.deadline_at - timedelta(seconds=0.01),
    )
    with pending.expect(INFERENCE, "acme") as future, pytest.raises(InferenceFailedError, match="no answer"):
        await asked.reply(wanted, INFERENCE, future)


async def test_a_reply_may_come_a_moment_after_the_deadline_and_no_later() -> None:
    pending = Pending()
    with pending.expect(INFERENCE, "acme") as future:
        asyncio.get_running_loop().call_later(0.01, pending.resolve, reply_failed())
        await inferences(Broker(), pending, grace_s=5.0).reply(order(-5.0), INFERENCE, future)
    with pending.expect(INFERENCE, "acme") as future, pytest.raises(InferenceFailedError) as caught:
        await inferences(Broker(), pending, grace_s=0.01).reply(order(0.0), INFERENCE, future)
    assert (caught.value.failure.error_type, caught.value.inference_id) == ("expired", INFERENCE)


async def test_a_cancellation_names_the_inference_and_its_tenant() -> None:
    broker = Broker()
    await inferences(broker).cancel("acme", INFERENCE, None, "disconnected")
    [event] = broker.events
    assert isinstance(event, CancelRequested)
    assert (event.inference_id, event.tenant_id, event.reason) == (INFERENCE, "acme", "disconnected")
