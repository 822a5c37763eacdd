import asyncio
from uuid import UUID

import pytest

from services.gateway.inference.pending import Accepted, Pending
from shared.events import new_id
from shared.telemetry.instruments import waiting
from tests.unit.shared.events.samples import INFERENCE, NOW, reply_failed


def accepted(tenant_id: str = "acme") -> Accepted:
    return Accepted(tenant_id, None, NOW)


def gauge() -> float:
    return next(iter(waiting.collect())).samples[0].value


async def test_the_reply_reaches_who_waits_for_it() -> None:
    pending, reply = Pending(), reply_failed()
    with pending.expect(INFERENCE) as future:
        pending.resolve(reply)
        assert await future is reply


async def test_the_first_reply_wins() -> None:
    pending, first, second = Pending(), reply_failed(), reply_failed()
    with pending.expect(INFERENCE) as future:
        pending.resolve(first)
        pending.resolve(second)
        assert await future is first


async def test_a_reply_that_nobody_waits_for_changes_nothing() -> None:
    pending = Pending()
    with pending.expect(new_id()) as future:
        pending.resolve(reply_failed())
        assert not future.done()


async def test_a_reply_after_the_caller_has_left_changes_nothing() -> None:
    pending = Pending()
    with pending.expect(INFERENCE) as future:
        future.cancel()
        pending.resolve(reply_failed())
    pending.resolve(reply_failed())
    assert future.cancelled()


async def test_a_reply_is_expected_for_as_long_as_somebody_waits() -> None:
    pending = Pending()
    assert not pending.is_expected(INFERENCE.bytes)
    with pending.expect(INFERENCE):
        assert pending.is_expected(INFERENCE.bytes)
        assert not pending.is_expected(new_id().bytes)
        assert not pending.is_expected(None)
    assert not pending.is_expected(INFERENCE.bytes)


async def test_who_leaves_with_an_error_is_forgotten_too() -> None:
    pending = Pending()
    with pytest.raises(asyncio.CancelledError), pending.expect(INFERENCE):
        raise asyncio.CancelledError
    assert not pending.is_expected(INFERENCE.bytes)


async def test_those_who_wait_are_counted() -> None:
    pending = Pending()
    with pending.expect(INFERENCE), pending.expect(new_id()):
        assert gauge() == 2
    assert gauge() == 0


def test_what_was_accepted_lately_is_known_to_its_tenant_only() -> None:
    pending, known = Pending(), accepted("acme")
    pending.accepted(INFERENCE, known)
    assert pending.lately(INFERENCE, "acme") is known
    assert pending.lately(INFERENCE, "other") is None
    assert pending.lately(new_id(), "acme") is None


def test_an_answered_inference_is_marked() -> None:
    pending, known = Pending(), accepted()
    pending.accepted(INFERENCE, known)
    assert not known.answered
    pending.answered(INFERENCE)
    assert known.answered


def test_the_answer_to_what_was_forgotten_is_no_error() -> None:
    Pending().answered(INFERENCE)


def test_only_the_last_ten_thousand_are_remembered() -> None:
    pending, ids = Pending(), [UUID(int=number) for number in range(10_001)]
    for one in ids:
        pending.accepted(one, accepted())
    assert pending.lately(ids[0], "acme") is None
    assert pending.lately(ids[1], "acme") is not None
    assert pending.lately(ids[-1], "acme") is not None
