"""A request that was read gets an end, whatever happens while it is prepared."""

from typing import Any, NoReturn

from services.router import reports
from services.router.attempts import Attempts
from services.router.breaker import BreakerPolicy
from services.router.claims import Claimed, Claims
from services.router.gate import Gate
from services.router.intake import Intake
from services.router.retry import RetryPolicy
from services.router.work import Asked, Refused
from shared.events.topics import ATTEMPTS, MAX_RECORD_BYTES, REQUESTS
from shared.kafka.local import LocalBroker
from shared.kafka.publisher import Publisher
from tests.support.virtual_time import virtually
from tests.unit.router.values import model, work
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
    nothing: Any = None  # neither publisher nor consumer is asked
    claims = Claims("r1", FailingIntake(), nothing, nothing, 1)

    prepared = await claims._prepared(record(REQUESTS.name, asked.encoded(), headers=tuple(asked.headers("t", None))))

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
    attempts = Attempts("r1", nothing, nothing, publisher, RetryPolicy(3, 0.2, 5.0), gate)
    claims = Claims("r1", nothing, attempts, publisher, 2)
    job = work(model(id="custom:m", endpoint_url="http://h:80/v1"))
    good = reports.attempt_started(job, job.first, 1, "r1", NOW)
    too_large = good.model_copy(update={"reason": "x" * MAX_RECORD_BYTES})

    claimed, refused = await claims._on_record([Claimed(job, too_large), Claimed(job, good)])

    assert [claim.started for claim in claimed] == [good]
    assert [refusal.failure.error_type for refusal in refused] == ["payload_too_large"]
    assert len(broker.cluster.records(ATTEMPTS.name)) == 1
