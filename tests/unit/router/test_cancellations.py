from services.router.cancellations import Cancellations
from shared.events import CancelRequested
from tests.unit.shared.events.samples import INFERENCE, requested

CANCEL = CancelRequested(inference_id=INFERENCE, tenant_id="acme")


async def test_a_cancellation_is_passed_on_and_remembered_for_its_own_tenant() -> None:
    heard: list[CancelRequested] = []
    cancellations = Cancellations()
    cancellations.call(heard.append)
    assert not cancellations.cancelled("acme", INFERENCE)

    cancellations.heard(CANCEL)

    assert heard == [CANCEL]
    assert cancellations.cancelled("acme", INFERENCE)
    assert not cancellations.cancelled("stranger", INFERENCE)


async def test_other_events_are_passed_over() -> None:
    heard: list[CancelRequested] = []
    cancellations = Cancellations()
    cancellations.call(heard.append)
    cancellations.heard(requested())
    assert heard == []
