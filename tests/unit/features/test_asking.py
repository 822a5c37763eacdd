"""A model call of a job is made once, and its answer is the same for whichever worker asks for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, cast
from unittest.mock import Mock
from uuid import UUID

import orjson
import pytest

from services.features.asking import Asking, Lines
from services.features.codegen.generators.contract import Reply
from services.features.job import can_stream
from services.features.steps import Steps
from services.features.store import FeaturesStore, StoredStep
from shared.crypto import SealedContext, open_sealed
from shared.errors import TallygateError
from shared.events import FeatureRequested, InferenceRequested, new_id, utc_now
from shared.inferences import Inferences, Pending, Results
from shared.lane.listener import Lane
from shared.lane.payloads import Chunks
from shared.registry import Capabilities
from tests.unit.shared.events.samples import reply_failed
from tests.unit.shared.inferences.fakes import RING, Broker, Table, reply_completed
from tests.unit.shared.registry.test_models import model

COMPLETION = orjson.dumps({"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]})


class StepTable:
    """The steps of one job."""

    def __init__(self) -> None:
        self.rows: dict[str, StoredStep] = {}

    async def call(self, _tenant_id: str, _feature_id: UUID, step_key: str, inference_id: UUID) -> StoredStep:
        return self.rows.setdefault(step_key, StoredStep(inference_id, False, None))

    async def step(self, _feature_id: UUID, step_key: str) -> StoredStep | None:
        return self.rows.get(step_key)

    async def published(self, _feature_id: UUID, step_key: str, _now: datetime) -> None:
        self.rows[step_key] = self.rows[step_key]._replace(published=True)

    async def finish(
        self, _tenant_id: str, _feature_id: UUID, step_key: str, sealed_value: str, _now: datetime
    ) -> None:
        self.rows[step_key] = self.rows[step_key]._replace(sealed_value=sealed_value)


class Bench:
    """What outlives a worker: the topic, the job and its steps, and the stored results."""

    def __init__(self, deadline_s: float = 60.0) -> None:
        self.broker, self.results, self.steps = Broker(), Table(), StepTable()
        deadline_at = utc_now() + timedelta(seconds=deadline_s)
        self.job = FeatureRequested(
            feature_id=new_id(), tenant_id="acme", sealed_input="x", model="custom:m", deadline_at=deadline_at
        )

    @asynccontextmanager
    async def worker(self, pending: Pending | None = None, *, streamed: bool = False) -> AsyncIterator[Asking]:
        """One that has the job, until the block ends."""
        pending = pending or Pending()
        results = Results(self.results, pending, 0.001)
        await results.start()
        store = cast(FeaturesStore, self.steps)
        lines = Lines(Inferences(self.broker, pending, results, RING, 7, 0.0), store, RING, 60.0, streamed)
        steps = Steps(store, RING, self.job.tenant_id, self.job.feature_id)
        try:
            yield Asking(lines, self.job, steps, None, _unheard, streamed=True)
        finally:
            await results.stop()

    async def begun(self, calls: int = 1) -> UUID:
        """The id of the newest call, once its worker knows that so many are published."""
        async with asyncio.timeout(30):
            while sum(step.published for step in self.steps.rows.values()) < calls:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        return self.broker.requests[-1].inference_id


async def _unheard(_characters: int) -> None: ...


def came(pending: Pending, inference_id: UUID, text: str) -> None:
    """The first chunk of an answer, by the lane."""
    awaited = pending.awaited(inference_id.bytes)
    assert awaited is not None
    assert awaited.stream is not None
    awaited.stream.take(Chunks(1, 0, orjson.dumps({"choices": [{"delta": {"content": text}}]})), Mock(spec=Lane))


def asked(request: InferenceRequested) -> dict[str, Any]:
    context = SealedContext(request.tenant_id, "input", str(request.inference_id))
    body: dict[str, Any] = orjson.loads(open_sealed(RING, context, str(request.sealed_input)))
    return body


async def plan(asking: Asking) -> Reply:
    return await asking("plan", [{"role": "user", "content": "hi"}], max_tokens=10)


async def test_a_call_asks_for_a_completion_whose_result_is_stored() -> None:
    bench, pending = Bench(), Pending()
    async with bench.worker(pending) as asking:
        call = asyncio.create_task(plan(asking))
        inference_id = await bench.begun()
        pending.resolve(reply_completed(inference_id, COMPLETION))
        assert await call == Reply("hello", "stop", "custom:m", str(inference_id))
    [request] = bench.broker.requests
    assert (request.store_result, request.request_model, request.deadline_at) == (
        True,
        "custom:m",
        bench.job.deadline_at,
    )


async def test_who_goes_on_with_the_job_gets_the_reply_that_went_to_another() -> None:
    bench = Bench()
    async with bench.worker() as asking:
        call = asyncio.create_task(plan(asking))
        inference_id = await bench.begun()
        call.cancel()
    bench.results.store(reply_completed(inference_id, COMPLETION))
    async with bench.worker() as asking, asyncio.timeout(30):
        assert (await plan(asking)).inference_id == str(inference_id)
    assert len(bench.broker.requests) == 1


async def test_a_finished_call_is_not_made_again() -> None:
    bench, pending = Bench(), Pending()
    async with bench.worker(pending) as asking:
        call = asyncio.create_task(plan(asking))
        pending.resolve(reply_completed(await bench.begun(), COMPLETION))
        first = await call
        assert await plan(asking) == first
    assert len(bench.broker.requests) == 1


async def test_what_every_model_failed_at_fails_again_the_same_way() -> None:
    bench, pending = Bench(), Pending()
    async with bench.worker(pending) as asking:
        call = asyncio.create_task(plan(asking))
        pending.resolve(reply_failed(inference_id=await bench.begun()))
        with pytest.raises(TallygateError, match="server_error"):
            await call
        with pytest.raises(TallygateError, match="server_error"):
            await plan(asking)
    assert len(bench.broker.requests) == 1


async def test_what_broke_off_in_the_middle_is_asked_for_anew_as_a_whole_and_once() -> None:
    bench, pending = Bench(), Pending()
    async with bench.worker(pending, streamed=True) as asking:
        call = asyncio.create_task(plan(asking))
        broken = await bench.begun()
        came(pending, broken, "hel")
        pending.resolve(reply_failed(inference_id=broken))
        pending.resolve(reply_completed(anew := await bench.begun(2), COMPLETION))
        assert (await call).inference_id == str(anew)
    async with bench.worker(streamed=True) as asking, asyncio.timeout(30):
        assert (await plan(asking)).text == "hello"
    assert [asked(request).get("stream") for request in bench.broker.requests] == [True, None]


@pytest.mark.parametrize(
    ("able", "streamed"), [((), True), ((None, True), True), ((None, False), False)], ids=["none", "all", "not all"]
)
def test_a_job_is_streamed_when_that_leaves_out_none_of_its_models(able: tuple[bool | None], streamed: bool) -> None:
    models = [model(capabilities=Capabilities(streaming=one)) for one in able]
    assert can_stream(models) is streamed


async def test_what_failed_before_it_began_was_tried_enough_by_the_router() -> None:
    bench, pending = Bench(), Pending()
    async with bench.worker(pending, streamed=True) as asking:
        call = asyncio.create_task(plan(asking))
        pending.resolve(reply_failed(inference_id=await bench.begun()))
        with pytest.raises(TallygateError, match="server_error"):
            await call
    assert len(bench.broker.requests) == 1


async def test_no_answer_by_the_deadline_is_kept_as_expired() -> None:
    bench = Bench(0.05)
    async with bench.worker() as asking:
        with pytest.raises(TallygateError, match="expired"):
            await plan(asking)
    assert bench.steps.rows["call.plan"].sealed_value is not None


async def test_what_the_broker_never_acked_is_no_value_of_the_step() -> None:
    bench = Bench(-1.0)
    bench.broker.away = True
    async with bench.worker() as asking:
        with pytest.raises(TallygateError, match="unavailable"):
            await plan(asking)
    assert bench.steps.rows["call.plan"] == StoredStep(bench.steps.rows["call.plan"].inference_id, False, None)
