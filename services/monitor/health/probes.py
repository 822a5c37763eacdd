"""Probes (decision 0037): a tiny real request to a model whose owner wants it, now and then, as one of its own tenant.

It goes the way of every request, so the router that takes it holds it against the tenant's budget and the endpoint's
breaker, and it is booked and priced like any other. In place of an API key's id it has the word `probe`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from services.monitor.health.store import Ended, ProbeStore, Result, Wanted
from services.monitor.health.watched import Watched
from services.monitor.rollups.health import WINDOW, Probed, is_answer
from shared.background import Periodic
from shared.db.failures import RETRYABLE
from shared.events import InferenceRequested, new_id, utc_now
from shared.events.inference import PROBE
from shared.events.probe import OPTIONS, QUESTIONS
from shared.events.topics import REQUESTS
from shared.kafka import KafkaError
from shared.kafka.publisher import Outgoing, Publisher
from shared.registry import Model
from shared.registry.store import WatchedModel

_LOOK_EVERY_S = 5.0
_MOST_AT_A_TIME = 100  # of one look; the others are asked at the next ones
_MORE_S = 30.0  # beyond the model's own time for an answer, so that it is the model that is late
_REMEMBERED = WINDOW + timedelta(minutes=1)  # the window begins with a whole minute


class Probes:
    def __init__(self, store: ProbeStore, publisher: Publisher, watched: Watched) -> None:
        self._store = store
        self._publisher = publisher
        self._watched = watched
        self._asking = Periodic("probes", self._ask, _LOOK_EVERY_S, (*RETRYABLE, KafkaError))

    async def start(self) -> None:
        await self._asking.start()

    async def stop(self) -> None:
        await self._asking.stop()

    async def _ask(self) -> None:
        """What is asked is on record first: who dies in between asks too seldom, and never twice."""
        probed = self._watched.probed
        if not probed:
            return
        wanted = {new_id(): one for one in probed.values()}
        due = await self._store.ask(
            [_wanted(one, inference_id) for inference_id, one in wanted.items()], _MOST_AT_A_TIME
        )
        if due:
            now = utc_now()
            requests = (request(wanted[inference_id].model, inference_id, now) for inference_id in due)
            await self._publisher.publish(*(Outgoing(REQUESTS, one) for one in requests))

    async def ended(self) -> Mapping[str, Probed]:
        """How the last probe of each model ended that is probed now, by subject."""
        probed = self._watched.probed
        if not probed:
            return {}
        if results := [result(one, utc_now()) for one in await self._store.settled()]:
            await self._store.close(results)
        known = {f"{one.tenant_id}/{one.model}": one for one in await self._store.results(WINDOW)}
        return {subject: one for subject, one in known.items() if is_of(one, probed.get(subject))}


def request(model: Model, inference_id: UUID, now: datetime) -> InferenceRequested:
    """No other model stands in for it, and nobody waits for the answer."""
    task = model.likely_tasks[0]
    return InferenceRequested(
        inference_id=inference_id,
        tenant_id=str(model.tenant_id),
        operation_name=task,
        request_model=model.id,
        input=QUESTIONS[task],
        options=OPTIONS,
        api_key_id=PROBE,
        accepted_at=now,
        deadline_at=now + timedelta(seconds=lasts_s(model)),
    )


def lasts_s(model: Model) -> float:
    return model.timeout_s + _MORE_S


def result(ended: Ended, now: datetime) -> Result:
    """The last call decides."""
    calls = tuple(call for call in (*ended.before, *ended.calls) if call.ended_at >= now - _REMEMBERED)
    last = ended.calls[-1] if ended.calls else None
    if last is None or (is_well := is_answer(last.error_type)) is None:
        return Result(ended.inference_id, None, None, calls)
    return Result(ended.inference_id, last.ended_at, None if is_well else last.error_type, calls)


def is_of(probed: Probed, watched: WatchedModel | None) -> bool:
    """Whether the model is still the one that was asked; it may have been changed, or be another one of that name."""
    return watched is not None and probed.changed_at == watched.updated_at


def _wanted(watched: WatchedModel, inference_id: UUID) -> Wanted:
    model, every_s = watched.model, watched.probe.every_s if watched.probe else 0
    return Wanted(str(model.tenant_id), model.id, inference_id, every_s, lasts_s(model), watched.updated_at)
