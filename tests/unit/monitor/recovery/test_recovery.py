"""One pass of recovery on the broker in memory: what it does, in which order, and what cannot hold it up."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from unittest import mock
from uuid import UUID

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import PolicyViolationError

from services.monitor.books.books import Accepted, fold
from services.monitor.books.requests import accepted
from services.monitor.recovery import orphans
from services.monitor.recovery.offsets import Offsets
from services.monitor.recovery.orphans import Orphan
from services.monitor.recovery.recovery import Recovery, RecoverySettings
from services.monitor.recovery.requests import RequestReader
from shared.events import Event, InferenceRequested, InferenceSettled, new_id
from shared.events.codec import decode
from shared.events.inference import ACCEPTED
from shared.events.router import ON_RECORD_WITHIN_S, RECORD_IS_THERE_AFTER_S
from shared.events.topics import BULK_REQUESTS, OUTCOMES, REQUESTS, Topic, requests_topic, router_groups
from shared.kafka.local import Fault, Fetch, LocalBroker, LocalCluster, Operation, Produce, late, refused
from shared.kafka.publisher import Publisher
from tests.support.memory.monitor import MemoryRecoveryStore, MonitorTables
from tests.support.memory.turns import R
from tests.support.virtual_time import virtually
from tests.unit.shared.events.samples import requested

_EPOCH = datetime(2026, 11, 23, 12, tzinfo=UTC)


def virtual_now() -> datetime:
    return _EPOCH + timedelta(seconds=asyncio.get_running_loop().time())


@dataclass
class World:
    """Requests that routers have committed and nobody has begun with."""

    faults: Callable[[Operation], Fault | None] = lambda _: None
    tables: MonitorTables = field(default_factory=lambda: MonitorTables(clock=virtual_now))

    def __post_init__(self) -> None:
        self.is_set_up = False
        self.cluster = LocalCluster(faults=lambda operation: self.faults(operation) if self.is_set_up else None)
        self.broker = LocalBroker(self.cluster)
        self.publisher = Publisher(self.broker, "test")
        self.store = MemoryRecoveryStore(self.tables)

    async def orphans(self, requests: Sequence[InferenceRequested], without: str | None = None) -> None:
        """without: a header that their publisher does not know."""
        await self.publisher.start()
        for request in requests:
            headers = [(name, value) for name, value in request.headers("test", None) if name != without]
            topic = requests_topic(request.priority)
            await self.publisher.send_raw(topic.name, request.encoded(), request.key, headers)
        routers = router_groups("router")
        for topic, place in [(one, place) for one in routers for place in self.cluster.partitions(one.name)]:
            log = self.cluster.log(place)
            for group in (routers[topic], "monitor"):
                self.cluster.group(group).offsets[place] = log.end
            told = [accepted(record) for record in log.read(0, 10_000)]
            self.tables.book(fold([one for one in told if one is not None]), virtual_now())
        self.is_set_up = True

    async def recover_old_claims(self, settings: RecoverySettings | None = None) -> None:
        """Until what was claimed in the beginning is known to be old."""
        await self.recover(settings)
        await asyncio.sleep(RECORD_IS_THERE_AFTER_S)

    async def recover(self, settings: RecoverySettings | None = None) -> Recovery:
        """Starts it."""
        offsets, requests = Offsets(self.broker, "router", "monitor"), RequestReader(self.broker)
        part = Recovery(settings or RecoverySettings("m1"), self.store, self.publisher, offsets, requests, virtual_now)
        for one in (offsets, requests, part):
            await one.start()
        return part

    def on(self, topic: Topic) -> list[Event]:
        """In the order in which they came to their partitions."""
        logs = [self.cluster.log(place) for place in self.cluster.partitions(topic.name)]
        records = [record for log in logs for record in log.read(0, 10_000)]
        return [decode(topic, record.headers, record.value) for record in records]

    def lengths(self) -> list[int]:
        """Of the partitions of the request topic."""
        return [self.cluster.log(place).end for place in self.cluster.partitions(REQUESTS.name)]

    def redelivered(self) -> set[UUID]:
        told = [one for one in self.on(REQUESTS) if isinstance(one, InferenceRequested)]
        return {one.inference_id for one in told if one.delivery == 2}

    def settled(self) -> dict[UUID, InferenceSettled]:
        return {one.inference_id: one for one in self.on(OUTCOMES) if isinstance(one, InferenceSettled)}


def request(number: int = 0, life_s: float = 100.0) -> InferenceRequested:
    at = virtual_now()
    told = {"accepted_at": at, "deadline_at": at + timedelta(seconds=life_s + number), "reply_partition": 1}
    return requested(inference_id=new_id(), **told)


@pytest.mark.parametrize(
    ("without", "topic"), [(None, REQUESTS), (ACCEPTED, REQUESTS), (None, BULK_REQUESTS)], ids=("ours", "bare", "bulk")
)
def test_what_was_committed_and_never_begun_is_handed_out_again_and_routers_are_to_ask_the_books(
    without: str | None, topic: Topic
) -> None:
    """Not before its router must have put it on record. Also what an upstream service published without our header."""

    @virtually
    async def played() -> None:
        priority = "bulk" if topic is BULK_REQUESTS else "normal"
        world, asked = World(), request().model_copy(update={"priority": priority})
        await world.orphans([asked], without)
        await world.recover()
        await asyncio.sleep(ON_RECORD_WITHIN_S + 1.0)
        assert world.redelivered() == set()
        await asyncio.sleep(RECORD_IS_THERE_AFTER_S - ON_RECORD_WITHIN_S + 1.0)
        [again] = [one for one in world.on(topic) if isinstance(one, InferenceRequested) and one.delivery == 2]
        assert (again.inference_id, again.sealed_input) == (asked.inference_id, asked.sealed_input)
        assert again.republished

    played()


@virtually
async def test_what_the_broker_refuses_for_ever_is_settled_and_keeps_no_other_from_its_end() -> None:
    world, some = World(), [request(number) for number in range(5)]
    await world.orphans(some)
    bad = some[0].inference_id
    world.faults = lambda one: (
        refused(PolicyViolationError())
        if isinstance(one, Produce) and one.partition.topic == REQUESTS.name and one.key == bad.bytes
        else None
    )
    await world.recover_old_claims()
    await asyncio.sleep(1)
    assert world.redelivered() == {one.inference_id for one in some[1:]}
    assert {key: word.settlement for key, word in world.settled().items()} == {bad: "failed"}


@virtually
async def test_an_error_of_one_that_nobody_foresaw_keeps_no_other_from_its_end() -> None:
    world, some = World(), [request(number) for number in range(5)]
    await world.orphans(some)
    decide = orphans.decide

    def fails(orphan: Orphan, *more: object) -> object:
        if orphan.inference_id == some[0].inference_id:
            raise RuntimeError
        return decide(orphan, *more)  # type: ignore[arg-type]

    with mock.patch.object(orphans, "decide", fails):
        await world.recover_old_claims()
        await asyncio.sleep(1)
    assert world.redelivered() == {one.inference_id for one in some[1:]}


@virtually
async def test_a_request_that_is_gone_is_settled() -> None:
    world, asked = World(), request()
    await world.orphans([asked])
    [row] = world.tables.inferences.values()
    row["request_offset"] = 7
    world.cluster.group("router").offsets[TopicPartition(REQUESTS.name, row["request_partition"])] = 8
    await world.recover_old_claims()
    await asyncio.sleep(1)
    word = world.settled()[asked.inference_id]
    assert (word.settlement, word.error and word.error.error_type) == ("failed", "router_lost")
    assert "cannot be read any more (inference.requests.v1, partition" in str(word.error)


@virtually
async def test_a_partition_that_hangs_holds_up_its_own_requests_and_the_nearest_deadline_goes_first() -> None:
    world = World()
    some = [request(number) for number in range(200, 0, -1)]
    await world.orphans(some)
    lies_on = {key: row["request_partition"] for key, row in world.tables.inferences.items()}
    hanging = lies_on[some[0].inference_id]
    world.faults = lambda one: (
        late(3600.0, 0.0)
        if isinstance(one, Fetch) and TopicPartition(REQUESTS.name, hanging) in one.partitions
        else late(0.01, 0.01)
    )
    order: list[UUID] = []
    intend = world.store.intend_redelivery

    async def noted(orphan: Orphan, *more: object) -> bool:
        order.append(orphan.inference_id)
        return await intend(orphan, *more)  # type: ignore[arg-type]

    with mock.patch.object(world.store, "intend_redelivery", noted):
        await world.recover_old_claims()
        began = asyncio.get_running_loop().time()
        free = {one.inference_id for one in some if lies_on[one.inference_id] != hanging}
        while sum(world.lengths()) < len(some) + len(free):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    assert world.redelivered() == free
    assert asyncio.get_running_loop().time() - began < 15
    assert order[:8] == [one.inference_id for one in reversed(some)][:8]


@virtually
async def test_two_thousand_orphans_are_handed_out_within_seconds() -> None:
    """On a broker and a network that need 10 ms for everything; one after the other it took 40 s."""
    world = World()
    some = [request(number) for number in range(2000)]
    await world.orphans(some)
    world.faults = lambda _: late(0.005, 0.005)
    await world.recover_old_claims(RecoverySettings("m1", lease_s=15.0))
    began = asyncio.get_running_loop().time()
    while sum(world.lengths()) < 2 * len(some):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    assert asyncio.get_running_loop().time() - began < 10


@virtually
async def test_who_was_frozen_with_a_decision_does_not_act_on_it() -> None:
    """The monitor stands still between the read of a request and its publish; meanwhile its lease ends."""
    world, asked = World(), request(life_s=1000.0)
    await world.orphans([asked])
    world.faults = lambda one: late(4.5, 0.0) if isinstance(one, Fetch) else None
    await world.recover_old_claims(RecoverySettings("m1", lease_s=4.0))
    await asyncio.sleep(1)
    assert world.tables.redeliveries  # it has decided, and written so
    await asyncio.sleep(3.2)
    assert await world.store.take_lease("m2#1", 1000.0)
    await asyncio.sleep(10)
    assert world.redelivered() == set()


@virtually
async def test_what_a_living_router_forgot_is_closed_and_its_caller_told() -> None:
    world = World()
    await world.orphans([])
    asked = request(life_s=10.0)
    world.tables.book(fold([Accepted(asked.accepted, 0, 5)]), virtual_now())  # and no router will ever take it
    await world.recover()
    await asyncio.sleep(69)
    assert world.settled() == {}
    await asyncio.sleep(3)
    word = world.settled()[asked.inference_id]
    assert (word.settlement, word.swept, word.reported_by) == ("expired", True, "monitor/m1")
    assert word.error is not None
    assert word.error.detail.startswith("closed by the sweep")


@virtually
async def test_where_nothing_is_open_a_look_asks_no_more_than_that_and_what_comes_later_is_found() -> None:
    world, verbs = World(), set[str]()

    async def noted(verb: str, effect: Callable[[], R]) -> R:
        verbs.add(verb)
        return effect()

    world.store = MemoryRecoveryStore(world.tables, noted)
    await world.orphans([])
    await world.recover()
    await asyncio.sleep(100.0)
    assert verbs == {"is_work_open"}

    asked = request()
    await world.orphans([asked])
    await asyncio.sleep(RECORD_IS_THERE_AFTER_S + 3.0)
    assert world.redelivered() == {asked.inference_id}
