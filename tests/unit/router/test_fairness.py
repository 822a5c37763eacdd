"""One router, several tenants: what one tenant's flood or hanging endpoint costs the others (decision 0018)."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.router.attempts import Attempts
from services.router.breaker import BreakerPolicy
from services.router.cancellations import Cancellations
from services.router.claims import Claims
from services.router.gate import Gate
from services.router.intake import Intake
from services.router.places import Places
from services.router.pulse import Pulse
from services.router.retry import RetryPolicy
from services.router.room import RoomLimits
from services.router.work import Asked, Refused, Work
from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.events import (
    AttemptStarted,
    CancelRequested,
    Event,
    InferenceHeld,
    InferenceRequested,
    InferenceSettled,
    new_id,
)
from shared.events.codec import decode
from shared.events.topics import ATTEMPTS, BULK_REQUESTS, OUTCOMES, REQUESTS, Topic, requests_topic
from shared.kafka.broker import Consumer
from shared.kafka.local import Faults, LocalBroker, LocalCluster
from shared.kafka.publisher import Outgoing, Publisher
from shared.priorities import Priority
from shared.registry import Model
from shared.selection import select
from tests.support.claims import claims_of
from tests.support.places import no_places
from tests.support.scripted_transport import Answer, Call, ScriptedTransport
from tests.support.virtual_time import virtually
from tests.unit.router.values import model, needs, tenant
from tests.unit.shared.events.samples import NOW

HANGS, ANSWERS = Answer(None), Answer(0.2)
_MODEL = model(id="custom:m", endpoint_url="http://h:80/v1", timeout_s=60.0)


def now() -> datetime:
    return NOW + timedelta(seconds=asyncio.get_running_loop().time())


def cluster(faults: Faults = lambda _: None) -> LocalCluster:
    return LocalCluster(now=lambda: now().timestamp(), faults=faults)


class AnyModels(Intake):
    """Every tenant has one model."""

    def __init__(self, cancellations: Cancellations, *models: Model) -> None:
        nothing: Any = None
        super().__init__(nothing, nothing, nothing, nothing, cancellations, now)
        self._models_of_all = models

    async def prepare(self, asked: Asked) -> Work | Refused:
        body: dict[str, Any] = {"messages": [{"role": "user", "content": asked.request.tenant_id}]}
        selection = select(needs(None), tenant(*self._models_of_all))
        return self.over(asked) or Work(asked.request, body, selection, asked.source, None)


class Router:
    """Calls of a tenant whose name begins with `hostile` never end by themselves."""

    def __init__(
        self, limits: RoomLimits, broker: LocalBroker | None = None, places: Places | None = None, *models: Model
    ) -> None:
        """models: of every tenant."""
        self.broker = broker or LocalBroker(cluster())
        self.answers: dict[str, Answer] = {}  # by tenant
        self.publisher = Publisher(self.broker, "test")
        self.pulse = Pulse(asyncio.get_running_loop().time)
        self.transport = ScriptedTransport(self._answer)
        self.called: list[str] = []
        self.attempts = Attempts(
            "r1", KeyRing.parse(new_key("k1")), self.transport, self.publisher, RetryPolicy(2, 0.2, 5.0),
            Gate(BreakerPolicy(1000, 5.0, 60.0), places or no_places()), self.pulse, now,
        )  # fmt: skip
        self.cancellations = Cancellations()
        intake = AnyModels(self.cancellations, *(models or (_MODEL,)))
        self.claims = claims_of(intake, self.attempts, self.publisher, limits, self.pulse, now=now)
        self.bulk = Claims(
            "r1", intake, self.attempts, self.publisher, self.claims.waiting, self.pulse, now=now, topic=BULK_REQUESTS
        )
        self.cancellations.call(self.claims.waiting.cancel)

    async def start(self, *, beating: bool = True) -> Consumer:
        await self.publisher.start()
        if beating:
            self.pulse.acked(self.pulse.clock() + 3600.0)
        requests = self.broker.subscribe(
            (REQUESTS,), "router", self.claims.take, graceful_timeout_s=1.0, listener=self.claims
        )
        consumer = await requests.start()
        self.claims.start(consumer)
        bulk = self.broker.subscribe(
            (BULK_REQUESTS,), "router-bulk", self.bulk.take, graceful_timeout_s=1.0, listener=self.bulk
        )
        self.bulk.start(await bulk.start())
        return consumer

    async def ask(
        self, tenant_id: str, times: int = 1, deadline_s: float = 30.0, priority: Priority = "normal"
    ) -> list[UUID]:
        accepted_at = now()
        requests = [
            InferenceRequested(
                inference_id=new_id(), tenant_id=tenant_id, input={"messages": []}, accepted_at=accepted_at,
                deadline_at=accepted_at + timedelta(seconds=deadline_s), priority=priority,
            )
            for _ in range(times)
        ]  # fmt: skip
        await self.publisher.publish(*(Outgoing(requests_topic(priority), request) for request in requests))
        return [request.inference_id for request in requests]

    def said(self, topic: Topic) -> list[Event]:
        records = self.broker.cluster.records(topic.name)
        return [fact for record in records for fact in decode(topic, record.headers, record.value).facts]

    def settled(self, ids: Iterable[UUID]) -> list[InferenceSettled]:
        said = [event for event in self.said(OUTCOMES) if isinstance(event, InferenceSettled)]
        return [event for event in said if event.inference_id in set(ids)]

    def held(self) -> list[InferenceHeld]:
        return [event for event in self.said(ATTEMPTS) if isinstance(event, InferenceHeld)]

    def _answer(self, call: Call) -> Answer:
        tenant_id = call.body["messages"][0]["content"]
        self.called.append(tenant_id)
        return self.answers.get(tenant_id, HANGS if tenant_id.startswith("hostile") else ANSWERS)


@virtually
async def test_sixty_hanging_calls_of_one_tenant_cost_another_one_no_wait() -> None:
    router = Router(RoomLimits(slots=50, places=200))
    await router.start()
    await router.ask("hostile", 60)
    await asyncio.sleep(1.0)

    honest: list[UUID] = []
    for _ in range(100):
        honest += await router.ask("honest")
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)

    assert [event.settlement for event in router.settled(honest)] == ["completed"] * 100
    assert router.called.count("hostile") == 40
    assert {event.tenant_id for event in router.held()} == {"hostile"}, "whoever is called at once has no more records"


@virtually
async def test_who_waits_is_on_record_before_its_claim_and_its_call_before_it_is_made() -> None:
    router = Router(RoomLimits(slots=2, places=9))
    consumer = await router.start()
    first, second = await router.ask("hostile-a", 2)
    await asyncio.sleep(1.0)

    said = [(type(event).__name__, getattr(event, "inference_id", None)) for event in router.said(ATTEMPTS)]
    [(_, begun)] = [entry for entry in said if entry[0] == "AttemptStarted"]
    [(_, waits)] = [entry for entry in said if entry[0] == "InferenceHeld"]
    assert {begun, waits} == {first, second}
    assert sum([await consumer.committed(place) or 0 for place in consumer.assignment()]) == 2, "both are claimed"
    assert router.called == ["hostile-a"]


@virtually
async def test_two_hostile_tenants_come_to_have_as_much_as_a_third_one_and_nobody_is_left_without_an_answer() -> None:
    router = Router(RoomLimits(slots=20, places=400))
    await router.start()
    ids = await router.ask("hostile-a", 60) + await router.ask("hostile-b", 60)
    await asyncio.sleep(1.0)
    honest = await router.ask("honest", 40, deadline_s=100.0)
    await asyncio.sleep(29.5)  # the calls of the hostile end at their deadlines, after 30 s
    assert router.settled(honest), "some of them found a slot at once"
    await asyncio.sleep(40.0)

    assert [event.settlement for event in router.settled(honest)] == ["completed"] * 40
    assert [event.settlement for event in router.settled(ids)] == ["expired"] * 120
    assert router.claims.in_flight == 0


@virtually
async def test_a_line_that_is_full_refuses_its_tenant_and_no_other() -> None:
    router = Router(RoomLimits(slots=5, places=20))
    await router.start()
    flood = await router.ask("hostile", 300)
    await asyncio.sleep(0.5)
    honest = await router.ask("honest")
    await asyncio.sleep(0.5)

    refused = router.settled(flood)
    assert len(refused) == 300 - 4 - 10
    assert {(event.settlement, event.error and event.error.error_type) for event in refused} == {
        ("rejected", "too_many_requests")
    }
    assert [event.settlement for event in router.settled(honest)] == ["completed"]


@virtually
async def test_who_waits_is_cancelled_at_once_and_expires_at_its_deadline() -> None:
    router = Router(RoomLimits(slots=2, places=20))
    await router.start()
    await router.ask("hostile", 1, deadline_s=60.0)
    await asyncio.sleep(0.5)
    [cancelled, late] = await router.ask("hostile", 2, deadline_s=5.0)
    await asyncio.sleep(0.5)
    router.cancellations.heard(CancelRequested(inference_id=cancelled, tenant_id="hostile"))
    await asyncio.sleep(0.1)
    assert [event.settlement for event in router.settled([cancelled, late])] == ["cancelled"]
    await asyncio.sleep(5.0)
    assert [event.settlement for event in router.settled([late])] == ["expired"]
    assert len([event for event in router.said(ATTEMPTS) if isinstance(event, AttemptStarted)]) == 1


@virtually
async def test_who_waits_in_a_router_that_stops_is_handed_back_at_once() -> None:
    router = Router(RoomLimits(slots=2, places=20))
    await router.start()
    await router.ask("hostile", 3)
    await asyncio.sleep(0.5)
    await router.claims.stop_taking()
    waited = {event.inference_id for event in router.held() if not event.handed_back}
    assert {event.inference_id for event in router.held() if event.handed_back} == waited
    assert len(waited) == 2
    await asyncio.sleep(0.1)
    assert (router.called, router.claims.in_flight) == (["hostile"], 1)
