"""A request that was read gets an end, whatever happens while it is prepared; it is called for when it is claimed and
on record."""

import asyncio
from typing import Any, NoReturn

import pytest
from aiokafka.errors import RebalanceInProgressError

from services.router import reports
from services.router.attempts import Attempts
from services.router.breaker import BreakerPolicy
from services.router.claims import Batch, Claimed
from services.router.gate import Gate
from services.router.intake import Intake
from services.router.retry import RetryPolicy
from services.router.room import RoomLimits, Seat
from services.router.work import Asked, Begun, Refused
from shared.events import AttemptEnded, AttemptStarted, InferenceHeld
from shared.events.codec import decode
from shared.events.router import ON_RECORD_WITHIN_S
from shared.events.topics import ATTEMPTS, MAX_RECORD_BYTES, OUTCOMES, REQUESTS
from shared.kafka.local import Commit, Fault, LocalBroker, Operation, Produce, late, refused
from shared.kafka.publisher import Publisher
from tests.support.claims import claims_of
from tests.support.places import no_places
from tests.support.virtual_time import virtually
from tests.unit.router.test_fairness import Router, cluster
from tests.unit.router.values import beating, model, work
from tests.unit.shared.events.samples import NOW, requested
from tests.unit.shared.kafka.records import record


class FailingIntake(Intake):
    def __init__(self) -> None:
        nothing: Any = None
        super().__init__(nothing, nothing, nothing, nothing, nothing)

    async def prepare(self, _: Asked) -> NoReturn:
        raise TypeError("unhashable type: 'list'")


async def test_what_nobody_foresaw_is_told_to_the_caller_and_is_no_dead_letter() -> None:
    asked = requested()
    intake = FailingIntake()

    prepared = await intake.prepared(
        intake.read(record(REQUESTS.name, asked.encoded(), headers=tuple(asked.headers("t", None))))
    )

    assert isinstance(prepared, Refused)
    assert (prepared.request.inference_id, prepared.settlement) == (asked.inference_id, "failed")
    assert prepared.failure.error_type == "internal"
    assert "TypeError" in prepared.failure.detail


@virtually
async def test_a_start_that_can_never_be_published_is_refused_and_holds_up_no_other() -> None:
    broker = LocalBroker()
    publisher = Publisher(broker, "test")
    await publisher.start()
    nothing: Any = None
    gate = Gate(BreakerPolicy(20, 5.0, 60.0), no_places())
    attempts = Attempts("r1", nothing, nothing, publisher, RetryPolicy(3, 0.2, 5.0), gate, beating())
    claims = claims_of(nothing, attempts, publisher, RoomLimits(slots=2), beating())
    job = work(model(id="custom:m", endpoint_url="http://h:80/v1"))
    good = reports.attempt_started(job, job.first, 1, "r1", NOW)
    too_large = good.model_copy(update={"reason": "x" * MAX_RECORD_BYTES})
    seat = claims._room.enter("acme", 0)
    assert isinstance(seat, Seat)
    batch = Batch([Claimed(Begun(job, too_large), seat), Claimed(Begun(job, good), seat)])

    await claims._put_on_record(batch)

    assert [claim.begun.started for claim in batch.claimed] == [good]
    assert [declined.refused.failure.error_type for declined in batch.declined] == ["payload_too_large"]
    started, held = broker.cluster.records(ATTEMPTS.name)
    assert decode(ATTEMPTS, started.headers, started.value) == good
    assert decode(ATTEMPTS, held.headers, held.value) == batch.declined[0].held


class Faults:
    """What becomes of the records of claims, and of the first commit."""

    def __init__(self, *, record: Fault | None = None, commit: Fault | None = None) -> None:
        self.record = record
        self.commit = commit

    def __call__(self, operation: Operation) -> Fault | None:
        if isinstance(operation, Produce) and operation.partition.topic == ATTEMPTS.name:
            return self.record
        if not isinstance(operation, Commit):
            return None
        fault, self.commit = self.commit, None
        return fault


async def router_with(faults: Faults) -> Router:
    router = Router(RoomLimits(slots=10), LocalBroker(cluster(faults)))
    await router.start()
    await router.ask("acme")
    return router


def committed(router: Router) -> int:
    return sum(router.broker.cluster.group("router").offsets.values())


@pytest.mark.parametrize(("record_s", "commit_s"), [(1.0, 2.0), (2.0, 1.0), (2.0, 2.0)])
def test_record_and_commit_are_under_way_at_once_and_the_call_comes_after_both(
    record_s: float, commit_s: float
) -> None:
    @virtually
    async def played() -> None:
        router = await router_with(Faults(record=late(record_s, 0.0), commit=late(commit_s, 0.0)))
        await asyncio.sleep(1.9)
        assert router.called == []
        assert (len(router.said(ATTEMPTS)), committed(router)) == (int(record_s < 1.9), int(commit_s < 1.9))
        await asyncio.sleep(0.2)
        assert router.called == ["acme"]

    played()


@virtually
async def test_a_record_that_is_acked_too_late_is_no_leave_to_call_and_is_handed_back() -> None:
    router = await router_with(Faults(record=late(ON_RECORD_WITHIN_S + 1.0, 0.0)))
    await asyncio.sleep(2 * ON_RECORD_WITHIN_S + 5.0)
    assert router.called == []
    started, let_go = router.said(ATTEMPTS)
    [ended] = router.said(OUTCOMES)
    assert isinstance(started, AttemptStarted)
    assert isinstance(let_go, InferenceHeld)
    assert isinstance(ended, AttemptEnded)
    assert ended.attempt_id == started.attempt_id
    assert ended.error is not None
    assert ended.error.error_type == "handed_back"
    assert (let_go.handed_back, let_go.was_claimed) == (True, True)
    assert (committed(router), router.claims.in_flight) == (1, 0)


@virtually
async def test_a_claim_that_failed_is_handed_back_and_what_kafka_delivers_again_is_called_once() -> None:
    router = await router_with(Faults(commit=refused(RebalanceInProgressError())))
    await asyncio.sleep(10.0)
    failed, let_go, started = router.said(ATTEMPTS)
    assert isinstance(let_go, InferenceHeld)
    assert (let_go.handed_back, let_go.was_claimed) == (True, False)
    assert isinstance(failed, AttemptStarted)
    assert isinstance(started, AttemptStarted)
    assert failed.request_offset == started.request_offset
    assert (router.called, router.claims.in_flight) == (["acme"], 0)


@virtually
async def test_who_stops_in_the_middle_of_a_claim_finishes_it_first() -> None:
    """Both may be made: cut short, the request would be nobody's until the monitor finds it."""
    router = await router_with(Faults(record=late(2.0, 0.0), commit=late(3.0, 0.0)))
    await asyncio.sleep(1.0)
    await router.claims.stop_taking()
    assert committed(router) == 1
    await asyncio.sleep(0.1)
    assert router.called == ["acme"]


@virtually
async def test_bulk_that_waited_for_room_while_its_partition_was_another_routers_is_not_claimed() -> None:
    router = Router(RoomLimits(slots=2, places=10))
    await router.start()
    asked = set(await router.ask("hostile", 3, deadline_s=10.0, priority="bulk"))
    await asyncio.sleep(1.0)
    taken = {event.subject for event in router.said(ATTEMPTS)}
    assert len(taken) == 2, "one has the slot of bulk, one its place in line, and one waits for room"

    await router.bulk.on_partitions_revoked(())
    await asyncio.sleep(30.0)

    assert len(router.settled(asked)) == 2
    assert {event.subject for event in router.said(ATTEMPTS)} == taken
