"""A request that was read gets an end, whatever happens while it is prepared."""

from typing import Any, NoReturn

from services.router import reports
from services.router.attempts import Attempts
from services.router.breaker import BreakerPolicy
from services.router.claims import Batch, Claimed, Claims
from services.router.gate import Gate
from services.router.intake import Intake
from services.router.retry import RetryPolicy
from services.router.room import RoomLimits, Seat
from services.router.work import Asked, Begun, Refused
from shared.events.codec import decode
from shared.events.topics import ATTEMPTS, MAX_RECORD_BYTES, REQUESTS
from shared.kafka.local import LocalBroker
from shared.kafka.publisher import Publisher
from tests.support.virtual_time import virtually
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
    gate = Gate(BreakerPolicy(20, 5.0, 60.0))
    attempts = Attempts("r1", nothing, nothing, publisher, RetryPolicy(3, 0.2, 5.0), gate, beating())
    claims = Claims("r1", nothing, attempts, publisher, RoomLimits(slots=2), beating())
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
