"""Rounds of one webhook, with a store and a receiver that do what a test says."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast
from uuid import UUID

import pytest

from services.jobs.webhooks.deciding import Answer
from services.jobs.webhooks.delivering import Deliverer, DeliverySettings
from services.jobs.webhooks.posting import Poster
from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.events import new_id, utc_now
from shared.jobs import LeaseSettings
from shared.webhooks.secrets import new_secret, seal_secret
from shared.webhooks.store import DeliveryStore, Due, HookState, TakenHook, Try

RING, HOOK = KeyRing.parse(new_key()), new_id()
TAKEN, FAILED = Answer(200, None), Answer(500, "answered 500")


class Store:
    """What of a DeliveryStore is used. waiting: deliveries that are due, and stay so until they are taken."""

    def __init__(self, deliveries: int) -> None:
        self.waiting = [Due(new_id(), "{}", 0, utc_now()) for _ in range(deliveries)]
        self.states: list[HookState] = []
        self.tries: list[Try] = []
        self.given_back = 0

    async def due(self, _: UUID, most: int) -> list[Due]:
        return self.waiting[:most]

    async def record(self, _worker: str, _hook: UUID, state: HookState, tries: Sequence[Try]) -> None:
        self.states.append(state)
        self.tries += tries
        taken = {one.delivery_id for one in tries if one.taken}
        self.waiting = [one for one in self.waiting if one.delivery_id not in taken]

    async def give_back(self, _worker: str, _hook: UUID) -> None:
        self.given_back += 1


class Receiver:
    """In the place of a Poster. hanging: calls, by number from 0, that never end."""

    def __init__(self, answer: Callable[[int], Answer] = lambda _: TAKEN, hanging: Sequence[int] = ()) -> None:
        self.answer = answer
        self.hanging = hanging
        self.calls = 0
        self.at_once = self.most_at_once = 0
        self.headers: list[dict[str, str]] = []

    async def post(self, _url: str, _body: str, headers: dict[str, str]) -> Answer:
        number, self.calls = self.calls, self.calls + 1
        self.headers.append(headers)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await asyncio.sleep(0)
        if number in self.hanging:
            await asyncio.get_running_loop().create_future()
        self.at_once -= 1
        return self.answer(number)


def hook(failures: int = 0, sealed: str | None = None, old: str | None = None) -> TakenHook:
    sealed = sealed or seal_secret(RING, "acme", HOOK, new_secret())
    return TakenHook(HOOK, "acme", "http://a.test/", sealed, old, failures, utc_now() if failures else None)


def deliverer(store: Store, receiver: Receiver) -> Deliverer:
    settings = DeliverySettings(LeaseSettings("w1", 4, 10.0), at_once=4, give_up_s=86_400.0)
    return Deliverer(settings, cast(DeliveryStore, store), cast(Poster, receiver), RING)


async def test_all_that_waits_is_delivered_a_few_at_a_time() -> None:
    store, receiver = Store(40), Receiver()

    await deliverer(store, receiver).run(hook())

    assert store.waiting == []
    assert (receiver.calls, receiver.most_at_once) == (40, 4)
    assert {one.taken for one in store.tries} == {True}
    assert store.given_back == 1


async def test_a_receiver_that_fails_is_called_for_no_more_than_was_begun() -> None:
    store, receiver = Store(40), Receiver(lambda _: FAILED)

    await deliverer(store, receiver).run(hook())

    assert receiver.calls <= 4
    assert [state.failures for state in store.states] == [1]
    assert store.given_back == 1


async def test_a_receiver_that_failed_is_called_once_and_when_it_is_back_gets_the_rest() -> None:
    failing = Receiver(lambda _: FAILED)
    await deliverer(Store(40), failing).run(hook(failures=3))
    assert failing.calls == 1

    store, back = Store(40), Receiver()
    await deliverer(store, back).run(hook(failures=3))
    assert (back.calls, store.waiting) == (40, [])


async def test_what_was_answered_is_on_record_when_the_worker_stops() -> None:
    store, receiver = Store(4), Receiver(hanging=[3])
    running = asyncio.create_task(deliverer(store, receiver).run(hook()))
    async with asyncio.timeout(30):
        while receiver.calls < 4 or receiver.at_once > 1:  # noqa: ASYNC110 - it is one turn of the loop
            await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert [one.taken for one in store.tries] == [True, True, True]
    assert len(store.waiting) == 1


async def test_a_secret_that_cannot_be_opened_is_told_and_nothing_is_sent_without_a_signature() -> None:
    store, receiver = Store(1), Receiver()

    await deliverer(store, receiver).run(hook(sealed="c2VhbGVk"))

    assert receiver.calls == 0
    [tried] = store.tries
    assert "its secret cannot be opened" in str(tried.tried["error"])


async def test_both_secrets_sign_while_there_are_two() -> None:
    store, receiver = Store(1), Receiver()
    old: Any = seal_secret(RING, "acme", HOOK, new_secret())

    await deliverer(store, receiver).run(hook(old=old))

    [headers] = receiver.headers
    assert len(headers["webhook-signature"].split(" ")) == 2
