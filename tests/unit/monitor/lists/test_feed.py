"""Who watches hears what is told, within bounds; nothing is heard while nobody watches."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from services.monitor.lists.feed import Feed
from services.monitor.lists.filters import Filters
from services.monitor.lists.live_stream import LiveStream, Missed
from shared.errors import TallygateError
from shared.events import InferenceSettled
from shared.kafka import KafkaError
from tests.unit.shared.events.samples import NOW, settled


class Topic:
    """What is told on it reaches whoever hears it then."""

    def __init__(self) -> None:
        self.hearing: list[Callable[[Sequence[Any]], None]] = []
        self.begun = 0
        self.is_away = False

    def __call__(self, hear: Callable[[Sequence[Any]], None]) -> "Hearing":
        return Hearing(self, hear)

    def say(self, *events: InferenceSettled) -> None:
        for hear in self.hearing:
            hear([Record(event.encoded()) for event in events])


class Record:
    def __init__(self, value: bytes) -> None:
        self.value = value


class Hearing:
    def __init__(self, topic: Topic, hear: Callable[[Sequence[Any]], None]) -> None:
        self.topic, self.hear = topic, hear

    async def start(self) -> None:
        if self.topic.is_away:
            raise KafkaError
        self.topic.begun += 1
        self.topic.hearing.append(self.hear)

    async def stop(self) -> None:
        self.topic.hearing.remove(self.hear)


def feed_of(topic: Topic, *, most: int = 3, per_tenant: int = 2, waiting: int = 10) -> Feed:
    return Feed(topic, most=most, per_tenant=per_tenant, waiting=waiting)


async def test_each_hears_what_is_its_tenants_and_what_it_asked_for() -> None:
    topic = Topic()
    feed = feed_of(topic)
    async with feed.reader("acme", Filters()) as all_of_it, feed.reader("acme", Filters(state="failed")) as failures:
        topic.say(settled(), settled(tenant_id="other"))
        assert (await all_of_it.take(1)).count(b"event: inference") == 1
        assert await failures.take(0) == b""


async def test_the_topic_is_read_by_one_and_only_while_somebody_watches() -> None:
    topic = Topic()
    feed = feed_of(topic)
    async with feed.reader("acme", Filters()), feed.reader("other", Filters()):
        assert len(topic.hearing) == 1
    assert topic.hearing == []
    async with feed.reader("acme", Filters()):
        assert topic.begun == 2


async def test_who_does_not_read_is_cut_off_and_the_others_are_not() -> None:
    topic = Topic()
    feed = feed_of(topic, waiting=10)
    async with feed.reader("acme", Filters()) as slow, feed.reader("acme", Filters()) as quick:
        for _ in range(11):
            topic.say(settled())
            assert await quick.take(1)
        assert (slow.is_cut, quick.is_cut) == (True, False)
        assert await slow.take(1) == b""


@pytest.mark.parametrize(
    ("watching", "told"), [(["acme", "acme"], "2 feeds of your tenant"), (["b", "c", "d"], "3 feeds")]
)
async def test_so_many_watch_at_a_time(watching: list[str], told: str) -> None:
    topic = Topic()
    feed = feed_of(topic)
    async with AsyncExitStack() as stack:
        for tenant in watching:
            await stack.enter_async_context(feed.reader(tenant, Filters()))
        with pytest.raises(TallygateError, match=told) as caught:
            async with feed.reader("acme", Filters()):
                pass
        assert caught.value.failure.http_status == 429
    async with feed.reader("acme", Filters()):  # a place was given back
        pass


async def test_without_a_broker_it_says_so_and_works_again_when_there_is_one() -> None:
    topic = Topic()
    topic.is_away = True
    feed = feed_of(topic)
    with pytest.raises(TallygateError, match="the broker cannot be reached"):
        async with feed.reader("acme", Filters()):
            pass
    topic.is_away = False
    async with feed.reader("acme", Filters()) as reader:
        topic.say(settled())
        assert await reader.take(1)


class NothingMissed(Missed):
    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def since(self, *asked: Any) -> Any:
        self.asked.append(asked)
        return [b"event: inference\n\n"], NOW


async def stream(feed: Feed, missed: Missed, last_seen: Any, during: Callable[[], None]) -> bytes:
    sent: list[bytes] = []
    begun, never = asyncio.Event(), asyncio.Event()

    async def receive() -> Any:
        await never.wait()

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        begun.set()

    answering = asyncio.create_task(
        LiveStream(feed, missed, "acme", Filters(), last_seen)({"type": "http"}, receive, send)
    )
    await begun.wait()
    await asyncio.sleep(0)
    during()
    await answering
    return b"".join(sent)


async def test_a_stream_ends_with_the_process_and_tells_before_what_had_come() -> None:
    topic = Topic()
    feed = feed_of(topic)

    def during() -> None:
        topic.say(settled())
        feed.end()

    told = await stream(feed, NothingMissed(), None, during)
    assert told.startswith(b": ")
    assert told.count(b"event: inference") == 1
    assert b"event: end\n" in told
    with pytest.raises(TallygateError, match="this monitor stops"):
        async with feed.reader("acme", Filters()):
            pass


async def test_who_comes_back_is_told_first_what_it_has_missed_and_what_is_missing_all_the_same() -> None:
    topic, missed = Topic(), NothingMissed()
    feed = feed_of(topic)
    told = await stream(feed, missed, NOW, feed.end)
    assert missed.asked == [("acme", NOW, Filters())]
    assert told.index(b"event: gap") < told.index(b"event: inference") < told.index(b"event: end")


async def test_who_is_too_slow_is_told_so() -> None:
    topic = Topic()
    feed = feed_of(topic, waiting=2)
    told = await stream(feed, NothingMissed(), None, lambda: topic.say(settled(), settled(), settled()))
    assert b"too_slow" in told
