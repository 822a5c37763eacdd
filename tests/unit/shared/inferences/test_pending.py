import asyncio

import pytest

from shared.events import Event, new_id
from shared.events.topics import REPLIES
from shared.inferences import Pending
from tests.unit.shared.events.samples import INFERENCE, reply_failed
from tests.unit.shared.kafka.records import record


def heard(pending: Pending, event: Event, body: bytes | None = None) -> None:
    """As the reader of the partition hands it over."""
    headers = tuple(event.headers("router", None))
    pending.on_reply(record(REPLIES.name, body or event.encoded(), event.key, headers))


async def test_the_reply_reaches_all_who_wait_for_it() -> None:
    pending, reply = Pending(), reply_failed()
    with pending.expect(INFERENCE, "acme") as one, pending.expect(INFERENCE, "acme") as other:
        heard(pending, reply)
        assert await one == await other == reply


async def test_the_first_reply_wins() -> None:
    pending, first, second = Pending(), reply_failed(), reply_failed()
    with pending.expect(INFERENCE, "acme") as future:
        pending.resolve(first)
        pending.resolve(second)
        assert await future is first


async def test_a_reply_that_nobody_waits_for_changes_nothing() -> None:
    pending = Pending()
    with pending.expect(new_id(), "acme") as future:
        heard(pending, reply_failed())
        assert not future.done()


async def test_what_nobody_waits_for_is_not_even_decoded_and_what_cannot_be_read_is_no_reply() -> None:
    pending = Pending()
    heard(pending, reply_failed(), b"garbage")
    with pending.expect(INFERENCE, "acme") as future:
        heard(pending, reply_failed(), b"garbage")
        assert not future.done()


async def test_a_reply_after_the_caller_has_left_changes_nothing() -> None:
    pending = Pending()
    with pending.expect(INFERENCE, "acme") as future:
        future.cancel()
        pending.resolve(reply_failed())
    pending.resolve(reply_failed())
    assert future.cancelled()


async def test_those_who_wait_are_counted_until_they_leave() -> None:
    pending = Pending()
    with pending.expect(INFERENCE, "acme"), pending.expect(new_id(), "acme"):
        assert pending.waiting == 2
    assert pending.waiting == 0
    with pytest.raises(asyncio.CancelledError), pending.expect(INFERENCE, "acme"):
        raise asyncio.CancelledError
    assert pending.waiting == 0
