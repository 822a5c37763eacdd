"""Places of a model over several routers: never too many, each in its lane, and free when a router is lost."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

from services.router.places import LEASE_S, Places
from services.router.room import RoomLimits
from shared.background import Background
from shared.events import AttemptStarted
from shared.events.topics import ATTEMPTS
from shared.kafka.local import LocalBroker
from shared.priorities import Priority
from shared.registry import Model
from tests.support.places import MemoryPlacesStore
from tests.support.scripted_transport import Answer
from tests.support.virtual_time import virtually
from tests.unit.router.test_fairness import Router, cluster
from tests.unit.router.values import model

ONE = model(id="custom:m", endpoint_url="http://h:80/v1", timeout_s=60.0, max_concurrency=1)
KEY = (ONE.tenant_id or "", ONE.id)


def of(limit: int) -> Model:
    return model(id="custom:m", endpoint_url="http://h:80/v1", timeout_s=60.0, max_concurrency=limit)


class Endpoint:
    """Counts the calls that it has at a time."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.order: list[str] = []
        self.by: Counter[str] = Counter()

    async def call(
        self, places: Places, limited: Model, lasts_s: float, priority: Priority = "normal", name: str = ""
    ) -> None:
        granted = asyncio.Event()
        ticket = places.wait(limited, priority, granted.set)
        await granted.wait()
        places.use(ticket)
        self.now += 1
        self.most = max(self.most, self.now)
        self.order.append(name)
        self.by[name] += 1
        await asyncio.sleep(lasts_s)
        self.now -= 1
        places.give_back(limited)


async def until(holds: Callable[[], bool], within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@virtually
async def test_three_routers_never_make_more_calls_than_the_model_may_have_and_each_gets_its_part() -> None:
    for limit in (1, 2, 3, 7):
        store, endpoint, dice = MemoryPlacesStore(), Endpoint(), random.Random(limit)
        routers = [store.router(f"r{number}") for number in range(3)]
        for places in routers:
            await places.start()
        calls: list[Awaitable[None]] = []
        for number in range(120):
            lasts_s = dice.uniform(0.01, 0.3)
            name = f"r{number % 3}"
            calls.append(asyncio.create_task(endpoint.call(routers[number % 3], of(limit), lasts_s, name=name)))
            await asyncio.sleep(dice.uniform(0, 0.05))
        middle = endpoint.by.copy()
        async with asyncio.timeout(120):
            await asyncio.gather(*calls)
        assert endpoint.most == limit
        assert min(middle[f"r{number}"] for number in range(3)) > 0
        for places in routers:
            await places.stop()


@virtually
async def test_a_place_that_one_router_keeps_at_hand_costs_its_next_calls_no_question() -> None:
    store, endpoint = MemoryPlacesStore(), Endpoint()
    places = store.router("r1")
    await places.start()
    await endpoint.call(places, of(2), 0.01)
    asked = store.asked
    for _ in range(20):
        assert places.take(of(2), "normal")
        places.give_back(of(2))
    assert store.asked == asked
    await asyncio.sleep(10.0)
    assert store.held(KEY) == {}, "at rest it is given back"
    asked = store.asked
    await asyncio.sleep(60.0)
    assert store.asked == asked, "and then nothing is asked"
    await places.stop()


@virtually
async def test_the_places_of_a_router_that_is_lost_come_free_when_its_lease_ends() -> None:
    store, endpoint = MemoryPlacesStore(), Endpoint()
    lost, other = store.router("lost"), store.router("other")
    await lost.start()
    await other.start()
    hangs = asyncio.create_task(endpoint.call(lost, ONE, 3600.0))
    await until(lambda: endpoint.now == 1)
    hangs.cancel()
    await Background.stop(lost)  # without a word
    endpoint.now = 0
    began_at = asyncio.get_running_loop().time()
    await endpoint.call(other, ONE, 0.1)
    assert LEASE_S - 1 < asyncio.get_running_loop().time() - began_at < LEASE_S + 3
    assert endpoint.most == 1
    await other.stop()


@virtually
async def test_without_the_database_no_call_begins_once_the_lease_is_nearly_over_and_afterwards_it_goes_on() -> None:
    store, endpoint = MemoryPlacesStore(), Endpoint()
    places = store.router("r1")
    await places.start()
    await endpoint.call(places, ONE, 0.01)
    store.away = True
    await asyncio.sleep(4.0)
    assert places.take(ONE, "normal"), "what it has it has"
    places.give_back(ONE)
    await asyncio.sleep(6.0)
    assert not places.take(ONE, "normal")
    waits = asyncio.create_task(endpoint.call(places, ONE, 0.01))
    await asyncio.sleep(5.0)
    assert not waits.done()
    store.away = False
    await asyncio.wait_for(waits, 3.0)
    await places.stop()


@virtually
async def test_interactive_overtakes_bulk_at_a_model_and_bulk_has_every_tenth_call() -> None:
    store, endpoint = MemoryPlacesStore(), Endpoint()
    places = store.router("r1")
    await places.start()
    calls = [asyncio.create_task(endpoint.call(places, ONE, 0.1, "normal", "first"))]
    await until(lambda: endpoint.now == 1)
    for _ in range(5):
        calls.append(asyncio.create_task(endpoint.call(places, ONE, 0.1, "bulk", "bulk")))
        await asyncio.sleep(0)
    urgent = (endpoint.call(places, ONE, 0.1, "interactive", "interactive") for _ in range(15))
    calls += map(asyncio.create_task, urgent)
    await asyncio.gather(*calls)
    assert endpoint.order[1:17] == ["interactive"] * 9 + ["bulk"] + ["interactive"] * 6
    await places.stop()


class _World(Router):
    """A router whose model has one place, and its places."""

    def __init__(self, *more: Model) -> None:
        self.store = MemoryPlacesStore()
        self.places = self.store.router("r1")
        super().__init__(RoomLimits(slots=4, places=40), LocalBroker(cluster()), self.places, ONE, *more)

    async def begin(self) -> None:
        await self.places.start()
        await self.start()


@virtually
async def test_who_finds_a_model_full_waits_in_its_lane_without_a_slot_and_is_answered() -> None:
    world = _World()
    world.answers["acme"] = Answer(1.0)
    await world.begin()
    normal = await world.ask("acme", 5)
    await asyncio.sleep(0.5)
    assert world.claims.in_flight == 1, "the others have no slot"
    [urgent] = await world.ask("acme", priority="interactive")
    await asyncio.sleep(2.0)
    assert [event.settlement for event in world.settled([urgent])] == ["completed"]
    assert len(world.settled(normal)) < 4
    await asyncio.sleep(10.0)
    assert [event.settlement for event in world.settled(normal)] == ["completed"] * 5
    assert len(world.called) == 6
    await world.places.stop()


@virtually
async def test_the_deadline_ends_the_wait_for_a_model_and_says_what_to_do() -> None:
    world = _World()
    await world.begin()
    await world.ask("hostile", deadline_s=30.0)
    await asyncio.sleep(1.0)
    [late] = await world.ask("hostile", deadline_s=5.0)
    await asyncio.sleep(6.0)
    [settled] = world.settled([late])
    assert settled.error is not None
    assert (settled.settlement, settled.error.error_type) == ("expired", "model_at_capacity")
    assert "max_concurrency, 1" in settled.error.detail
    assert "PATCH /api/models/custom/" in settled.error.tips[0]
    assert settled.duration_s >= timedelta(seconds=5).total_seconds() - 0.1
    await world.places.stop()


@virtually
async def test_who_waits_for_a_model_in_a_router_that_stops_is_handed_back_at_once() -> None:
    world = _World()
    await world.begin()
    await world.ask("hostile", 3)
    await asyncio.sleep(0.5)
    await world.claims.stop_taking()
    assert len([event for event in world.held() if event.handed_back]) == 2
    await world.places.stop()


@virtually
async def test_a_model_of_which_nothing_is_known_yet_is_not_passed_over_and_one_that_is_full_is() -> None:
    second = model(id="custom:other", endpoint_url="http://h:81/v1", timeout_s=60.0)
    world = _World(second)
    world.answers["acme"] = Answer(2.0)
    await world.begin()
    for _ in range(2):
        await world.ask("acme")
        await asyncio.sleep(0.5)
    await asyncio.sleep(10.0)
    world.store.away = True
    await world.ask("acme")
    await asyncio.sleep(5.0)

    started = [event for event in world.said(ATTEMPTS) if isinstance(event, AttemptStarted)]
    assert [one.model for one in sorted(started, key=lambda one: one.started_at)] == [
        "custom:m",
        "custom:other",
        "custom:other",
    ], "without the database, too, others are called"
    await world.places.stop()
