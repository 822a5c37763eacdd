"""A router that is not heard begins nothing; one that was given up calls for nothing that it had before."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.heartbeat import BEAT_EVERY_S, Heartbeat
from services.router.pulse import SILENT_AFTER_S, Pulse
from services.router.room import RoomLimits
from shared.background import OwnThread
from shared.events import AttemptEnded, AttemptStarted, RouterHeartbeat
from shared.events.codec import decode
from shared.events.router import SILENCE_LIMIT_S
from shared.events.topics import ATTEMPTS, HEARTBEATS, OUTCOMES
from shared.kafka.local import LocalBroker, Operation, Produce, refused
from shared.kafka.local.faults import Fault
from shared.kafka.publisher import Publisher
from tests.support.scripted_transport import Answer
from tests.support.virtual_time import virtually
from tests.unit.router.test_fairness import Router, cluster

GAPS = st.lists(st.tuples(st.floats(0, 30), st.floats(0, 30)), min_size=1, max_size=20)


@given(GAPS)
def test_whoever_may_have_been_given_up_knows_it(gaps: list[tuple[float, float]]) -> None:
    """Beats are sent and acked some time later. A monitor hears each at any time between; what it could have heard
    so late that it gave the router up is another life."""
    now = 0.0
    pulse = Pulse(lambda: now)
    sent_before: float | None = None
    for idle_s, on_its_way_s in gaps:
        now += idle_s
        sent_at = now
        assert pulse.beating == (sent_before is not None and now - sent_before < SILENT_AFTER_S)
        now += on_its_way_s
        life = pulse.life
        lost = pulse.acked(sent_at)
        assert lost == (pulse.life > life)
        if sent_before is not None and now - sent_before > SILENCE_LIMIT_S:
            assert lost
        sent_before = sent_at


class Deafness:
    """No heartbeat gets through while it is on."""

    def __init__(self) -> None:
        self.on = False

    def __call__(self, operation: Operation) -> Fault | None:
        beats = isinstance(operation, Produce) and operation.partition.topic == HEARTBEATS.name
        return refused() if self.on and beats else None


class Beating:
    """A router whose heartbeats run."""

    def __init__(self) -> None:
        self.deafness = Deafness()
        self.router = Router(RoomLimits(slots=10), LocalBroker(cluster(self.deafness)))
        self.heartbeat = Heartbeat(
            "r1", self.router.publisher, self.router.pulse, lambda: 0, self.router.claims.waiting.lost
        )

    async def start(self) -> None:
        await self.router.publisher.start()
        await self.heartbeat.start()
        await self.router.start(beating=False)


@virtually
async def test_without_acks_of_its_beats_a_router_claims_nothing_and_goes_on_with_the_next_ack() -> None:
    beating = Beating()
    await beating.start()
    beating.deafness.on = True
    await asyncio.sleep(SILENT_AFTER_S)
    [asked] = await beating.router.ask("honest")
    await asyncio.sleep(5.0)
    assert (beating.router.said(ATTEMPTS), beating.router.called) == ([], [])
    beating.deafness.on = False
    await asyncio.sleep(BEAT_EVERY_S + 1.0)
    assert [event.settlement for event in beating.router.settled([asked])] == ["completed"]


@virtually
async def test_after_a_long_silence_a_retry_is_handed_back_and_what_was_in_flight_is_settled() -> None:
    beating = Beating()
    beating.router.answers = {"slow": Answer(12.0), "fails": Answer(12.0, "server_error")}
    await beating.start()
    [slow] = await beating.router.ask("slow")
    [fails] = await beating.router.ask("fails")
    await asyncio.sleep(1.0)
    beating.deafness.on = True
    await asyncio.sleep(10.5)
    beating.deafness.on = False
    await asyncio.sleep(5.0)
    assert beating.router.pulse.life == 1
    assert [event.settlement for event in beating.router.settled([slow])] == ["completed"]
    assert beating.router.called.count("fails") == 1
    assert beating.router.settled([fails]) == []
    assert [event.inference_id for event in beating.router.held() if event.handed_back] == [fails]
    started = [event for event in beating.router.said(ATTEMPTS) if isinstance(event, AttemptStarted)]
    ended = [event for event in beating.router.said(OUTCOMES) if isinstance(event, AttemptEnded)]
    assert {event.attempt_id for event in ended} == {event.attempt_id for event in started}


@virtually
async def test_after_a_long_silence_what_waits_is_handed_back() -> None:
    beating = Beating()
    await beating.start()
    await beating.router.ask("hostile", 12, deadline_s=100.0)
    await asyncio.sleep(1.0)
    waits = {event.inference_id for event in beating.router.held()}
    beating.deafness.on = True
    await asyncio.sleep(10.5)
    beating.deafness.on = False
    await asyncio.sleep(5.0)
    assert {event.inference_id for event in beating.router.held() if event.handed_back} == waits != set()


@virtually
async def test_a_loop_that_does_nothing_any_more_is_given_up() -> None:
    broker, answers = LocalBroker(), True
    publisher, pulse = Publisher(broker, "test"), Pulse(asyncio.get_running_loop().time)
    await publisher.start()
    heartbeat = Heartbeat("r1", publisher, pulse, lambda: 7, lambda: None, lambda work: work() if answers else None)
    await heartbeat.start()
    await asyncio.sleep(60.0)
    heard = len(broker.cluster.records(HEARTBEATS.name))
    assert heard > 60.0 / BEAT_EVERY_S - 3
    answers = False
    await asyncio.sleep(60.0)
    records = broker.cluster.records(HEARTBEATS.name)
    assert heard < len(records)
    await asyncio.sleep(60.0)
    assert len(broker.cluster.records(HEARTBEATS.name)) == len(records), "a minute later nobody hears of it"
    last = decode(HEARTBEATS, records[-1].headers, records[-1].value)
    assert isinstance(last, RouterHeartbeat)
    assert last.in_flight == 7
    await heartbeat.stop()


async def test_a_loop_that_is_busy_silences_no_thread_beside_it() -> None:
    ticks: list[float] = []

    class Ticking:
        async def start(self) -> None:
            self.task = asyncio.create_task(self.tick())

        async def tick(self) -> None:
            while True:
                ticks.append(time.monotonic())
                await asyncio.sleep(0.02)

        async def stop(self) -> None:
            self.task.cancel()

    thread = OwnThread("ticking", Ticking())
    await thread.start()
    before, until = len(ticks), time.monotonic() + 60.0
    while len(ticks) <= before + 5 and time.monotonic() < until:  # CPU, and no await
        pass
    meanwhile = len(ticks) - before
    await thread.stop()
    assert meanwhile > 5
    assert not thread._thread.is_alive()


async def test_a_part_that_does_not_start_leaves_no_thread_behind() -> None:
    class Failing:
        async def start(self) -> None:
            raise OSError("no broker")

        async def stop(self) -> None:
            raise AssertionError("it was never started")

    thread = OwnThread("failing", Failing())
    with pytest.raises(OSError, match="no broker"):
        await thread.start()
    assert not thread._thread.is_alive()
