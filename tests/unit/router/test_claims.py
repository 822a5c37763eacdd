"""A request that was read gets an end, whatever happens while it is prepared."""

from typing import Any, NoReturn

from services.router.claims import Claims
from services.router.intake import Intake
from services.router.work import Asked, Refused
from shared.events.topics import REQUESTS
from tests.unit.shared.events.samples import requested
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
