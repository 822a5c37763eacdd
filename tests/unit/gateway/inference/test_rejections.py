import asyncio

from services.gateway import instruments
from services.gateway.inference.labels import Labels
from services.gateway.inference.rejections import Rejections
from shared.access import Caller
from shared.errors import failure
from shared.events import InferenceSettled
from tests.unit.shared.inferences.fakes import Broker

CALLER = Caller("acme", "k1", frozenset({"inference"}))
SAID = Labels("checkout-42", {"team": "search"})
TOLD = failure("too_many_requests", "slow down", retry_after_s=1.0)


def count() -> float:
    return next(iter(instruments.rejections_unrecorded.collect())).samples[0].value


async def test_a_rejection_is_on_record_under_the_id_that_is_told() -> None:
    broker = Broker()
    rejected = Rejections(broker, "g1")
    await rejected.start()

    error = rejected.rejected(CALLER, TOLD, SAID)
    await rejected.stop()

    [settled] = broker.events
    assert isinstance(settled, InferenceSettled)
    assert settled.inference_id == error.inference_id
    assert (settled.settlement, settled.error, settled.attempts) == ("rejected", TOLD, 0)
    assert (settled.api_key_id, settled.session, settled.tags) == ("k1", "checkout-42", {"team": "search"})
    assert (settled.tenant_id, settled.model_requested, settled.reported_by) == ("acme", None, "gateway/g1")
    assert error.failure is TOLD


async def test_while_the_broker_is_away_only_so_many_are_kept() -> None:
    broker = Broker()
    broker.away = True
    rejected = Rejections(broker, "g1")
    before = count()

    for _ in range(10_003):
        rejected.rejected(CALLER, TOLD, SAID)

    assert count() - before == 3
    broker.away = False
    await rejected.start()
    await asyncio.sleep(0)
    await rejected.stop()
    assert len(broker.events) == 10_000
