"""One key, one id; the one that was first publishes, and when it dies another does."""

import asyncio
from datetime import datetime, timedelta

import pytest

from services.gateway.inference.idempotency import IdempotencyKey
from services.gateway.inference.once import Once
from shared.errors import TallygateError
from tests.unit.gateway.inference.keys import KeyTable
from tests.unit.shared.events.samples import NOW

KEY = IdempotencyKey("acme", "/v1/chat/completions", "k", b"digest")
STALE_S = 6.0
UNTIL = NOW + timedelta(seconds=60)


class Bench:
    """Some processes on one table, with a clock that a test turns. published: with which `republished` each time."""

    def __init__(self, stale_after_s: float = STALE_S) -> None:
        self.keys = KeyTable()
        self.now = NOW
        self.published: list[bool] = []
        self.refusing = False
        self.once = Once(self.keys, stale_after_s=stale_after_s, look_again_s=0.001, now=self._clock)

    def _clock(self) -> datetime:
        return self.now

    async def publish(self, republished: bool) -> None:
        if self.refusing:
            raise TallygateError("unavailable", "no ack")
        self.published.append(republished)

    async def send(self, key: IdempotencyKey = KEY, *, done: "asyncio.Future[None] | None" = None) -> bool:
        """Whether it was the first."""
        claim = await self.once.claim(key)
        await self.once.publish(claim, self.publish, until=UNTIL, done=done)
        return claim.first


async def test_whoever_comes_second_publishes_nothing_and_gets_the_same_id() -> None:
    bench = Bench()
    assert await bench.send()
    assert not await bench.send()
    assert bench.published == [False]
    assert (await bench.once.claim(KEY)).id == (await bench.once.claim(KEY)).id


async def test_keys_of_other_tenants_and_routes_are_other_keys() -> None:
    bench = Bench()
    for key in (KEY, KEY._replace(tenant_id="other"), KEY._replace(route="/api/codebase/chat")):
        assert await bench.send(key)


async def test_the_same_key_with_another_body_is_refused() -> None:
    bench = Bench()
    await bench.send()
    with pytest.raises(TallygateError, match="another body"):
        await bench.send(KEY._replace(body_sha256=b"other"))


async def test_a_key_is_published_only_after_the_ack() -> None:
    bench = Bench()
    bench.refusing = True
    with pytest.raises(TallygateError, match="unavailable"):
        await bench.send()
    assert not await bench.once.is_published(KEY)
    bench.refusing, bench.now = False, NOW + timedelta(seconds=STALE_S + 1)
    await bench.send()
    assert await bench.once.is_published(KEY)


async def test_who_waits_goes_on_when_the_first_one_has_published() -> None:
    bench = Bench()
    first = await bench.once.claim(KEY)
    waiting = asyncio.create_task(bench.send())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await bench.once.publish(first, bench.publish, until=UNTIL)
    assert not await asyncio.wait_for(waiting, 30)
    assert bench.published == [False]


async def test_when_the_first_one_dies_exactly_one_of_those_who_wait_publishes_and_says_so() -> None:
    bench = Bench()
    await bench.once.claim(KEY)
    waiting = [asyncio.create_task(bench.send()) for _ in range(5)]
    bench.now = NOW + timedelta(seconds=STALE_S)
    await asyncio.sleep(0.01)
    assert bench.published == []  # so long it may still be about to
    bench.now = NOW + timedelta(seconds=STALE_S + 1)
    await asyncio.wait_for(asyncio.gather(*waiting), 30)
    assert bench.published == [True]


async def test_where_twice_does_no_harm_nobody_waits() -> None:
    bench = Bench(stale_after_s=0.0)
    await bench.once.claim(KEY)
    bench.now = NOW + timedelta(microseconds=1)
    await bench.send()
    assert bench.published == [True]


async def test_an_answer_and_the_deadline_end_the_wait() -> None:
    bench = Bench()
    await bench.once.claim(KEY)
    done = asyncio.get_running_loop().create_future()
    done.set_result(None)
    await bench.send(done=done)
    bench.now = UNTIL
    await bench.send()
    assert bench.published == []


async def test_what_was_acked_counts_though_it_could_not_be_marked() -> None:
    bench = Bench()
    bench.keys.failing = ConnectionError()
    assert await bench.send()
    assert bench.published == [False]
