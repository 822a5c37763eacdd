"""What a job says of where it is."""

from services.features.store import TakenJob
from services.features.worker import JobHandle
from shared.events import FeatureProgressed
from tests.unit.features.worker.fakes import Bench


async def test_what_a_model_has_written_is_told_for_the_step_at_hand_and_may_get_lost() -> None:
    bench = Bench()
    feature_id = bench.store.add()
    request = bench.store.rows[feature_id].request
    async with bench.worker() as worker:
        job = JobHandle(TakenJob(feature_id, "acme", request.encoded(), None, 1, None), request, worker)
        await job.tell("planning", "a plan")
        await job.written(700)
        bench.publisher.refused.add("FeatureProgressed")
        await job.written(800)

    told = [event for event in bench.publisher.events if isinstance(event, FeatureProgressed)]
    assert [(event.step, event.message, event.characters) for event in told] == [
        ("planning", "a plan", None),
        ("planning", "", 700),
    ]
