"""Plays one history: starts the processes, asks, does what goes wrong, and waits until everything must be settled."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from aiokafka import TopicPartition

from services.monitor.books.handlers import TOPICS as BOOKED
from shared.db.failures import RETRYABLE
from shared.errors import TallygateError
from shared.events import CancelRequested, InferenceRequested, new_id
from shared.events.topics import CANCELLATIONS, RESULTS, Topic, requests_topic, router_groups
from shared.kafka import KafkaError
from shared.kafka.settings import KafkaSettings
from tests.histories.callers import Asked, ask
from tests.histories.cluster import HistoryBroker, HistoryCluster
from tests.histories.database import TENANT, HistoryTables
from tests.histories.history import (
    Again,
    Away,
    Cancel,
    Clock,
    Deaf,
    Expel,
    Freeze,
    Garbage,
    Happening,
    History,
    Kill,
    OfOne,
    Request,
    Stop,
    Trouble,
)
from tests.histories.lives import EPOCH, Life
from tests.histories.processes import (
    GATEWAYS,
    MONITORS,
    ROUTERS,
    Place,
    models,
    run_gateway,
    run_monitor,
    run_router,
)
from tests.histories.trace import Called, Ended, Published, Trace, Unforeseen
from tests.histories.troubles import Troubles
from tests.support.memory.gateway import GatewayTables
from tests.support.scripted_transport import Answer, Call

R = TypeVar("R")

MODELS = models("a", "b")
SETTLED_WITHIN_S = 75.0  # past its deadline, and past the last fault: a minute, and what the monitor needs for it

_LOOK_EVERY_S = 0.5
_BACK_AFTER_S = 1.0  # a process that stopped by itself is started again
_KAFKA = KafkaSettings.model_construct(bootstrap_servers="local")


@dataclass(kw_only=True)
class Played:
    """What one history has left behind. ledger: the calls as the endpoints saw them."""

    history: History
    trace: Trace
    tables: HistoryTables
    gateway_tables: GatewayTables
    ledger: list[Call]
    asked: list[Asked]
    ended_at: float
    settled: bool


@dataclass
class World:
    history: History
    trace: Trace = field(default_factory=list)
    ledger: list[Call] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.troubles = Troubles(self.history.latency_s, random.Random(self.history.seed + 1))
        self.cluster = HistoryCluster(self.trace, self.troubles.of_broker)
        self.tables = HistoryTables(self.trace)
        self.gateway_tables = GatewayTables()
        self._lives: dict[str, Life] = {}  # of each slot, the one of now
        self._by_name: dict[str, Life] = {}
        self._places: dict[str, Place] = {}
        self._births: dict[str, int] = {}
        self._producer = HistoryBroker(self.cluster, "upstream", settings=_KAFKA).producer()
        self._requests = {request.name: request for request in self.history.requests}
        self._published: dict[str, InferenceRequested] = {}
        self._calls_of: dict[str, int] = {}
        self._callers: list[tuple[Life, asyncio.Task[None]]] = []

    async def play(self) -> Played:
        for slot in self._slots():
            self._start(slot)
        for happening in sorted((*self.history.requests, *self.history.faults), key=lambda one: one.at_s):
            await asyncio.sleep(max(0.0, happening.at_s - self.loop.time()))
            self._happens(happening)
        await asyncio.sleep(max(0.0, _quiet_at(self.history) - self.loop.time()))
        for slot in self._slots():
            if not self._lives[slot].alive:
                self._start(slot)
        settled = await self._settled()
        return Played(
            history=self.history,
            trace=list(self.trace),
            tables=self.tables,
            gateway_tables=self.gateway_tables,
            ledger=self.ledger,
            asked=self.asked,
            ended_at=self.loop.time(),
            settled=settled,
        )

    def _slots(self) -> list[str]:
        kinds = (
            ("router", self.history.routers),
            ("monitor", self.history.monitors),
            ("gateway", self.history.gateways),
        )
        return [f"{kind}-{number}" for kind, count in kinds for number in range(1, count + 1)]

    # Processes

    def _start(self, slot: str) -> None:
        if slot in self._lives and self._lives[slot].alive:
            return
        self._births[slot] = self._births.get(slot, 0) + 1
        life = Life(slot, f"{slot}.{self._births[slot]}", self.loop)
        if slot in self._lives:  # the machine's clock, whoever runs on it
            life.clock_ahead_s, life.clock_rate = self._lives[slot].clock_ahead_s, self._lives[slot].clock_rate
        self._lives[slot] = self._by_name[life.name] = life
        broker = HistoryBroker(self.cluster, life.name, settings=_KAFKA, stop=self._stopping(slot))
        place = self._places[slot] = Place(life, broker, _Turn(self.troubles, life), self.tables, self.gateway_tables)
        life.when_it_ends(broker.kill)
        life.when_it_ends(lambda: self.trace.append(Ended(self.loop.time(), life.name)))
        life.when_frozen(broker.freeze, broker.thaw)
        task = life.start(self._run(place))
        task.add_done_callback(lambda _: self._ended(slot, life, task))

    def _stopping(self, slot: str) -> Callable[[], None]:
        def stop() -> None:
            self._places[slot].stop.set()

        return stop

    def _run(self, place: Place) -> Coroutine[None, None, None]:
        match place.life.slot.partition("-")[0]:
            case "router":
                return run_router(place, lambda call: self._answer(call, place.life), MODELS)
            case "monitor":
                return run_monitor(place)
            case _:
                return run_gateway(place, MODELS)

    def _ended(self, slot: str, life: Life, task: "asyncio.Task[None]") -> None:
        """It has stopped as it was told to, or could not start."""
        error = task.exception()
        if error is not None and not isinstance(error, (*RETRYABLE, TallygateError, KafkaError)):
            self.trace.append(Unforeseen(self.loop.time(), life.name, f"{type(error).__name__}: {error}"))
        Context().run(life.end)
        self._later(_BACK_AFTER_S, self._start, slot)

    def _later(self, delay_s: float, work: Callable[..., object], *args: object) -> None:
        Context().run(self.loop.call_later, delay_s, work, *args)

    # What happens

    def _happens(self, happening: Happening) -> None:
        match happening:
            case Request():
                self._ask(happening)
            case Again() | Cancel() | Garbage():
                self._publish_more(happening)
            case Away():
                self.troubles.away(happening)
            case _:
                self._strike(happening, self._lives[happening.slot])

    def _strike(self, fault: OfOne, life: Life) -> None:
        match fault:
            case Kill():
                life.end_after(fault.steps)
                self._later(fault.back_after_s, self._end_and_start, fault.slot, life)
            case Stop():
                self._places[fault.slot].stop.set()
            case Freeze():
                life.freeze()
                self._later(fault.for_s, life.thaw)
            case Expel():
                self._places[fault.slot].broker.expel()
            case Deaf():
                self.troubles.deaf(life.name, fault)
            case Clock():
                life.clock_ahead_s, life.clock_rate = fault.ahead_s - fault.at_s * (fault.rate - 1.0), fault.rate
            case Trouble():
                self.troubles.begin(life.name, fault)

    def _publish_more(self, happening: Again | Cancel | Garbage) -> None:
        if isinstance(happening, Garbage):
            self.loop.create_task(self._send_garbage(happening))
        elif (published := self._published.get(happening.request)) is not None:
            cancelled = CancelRequested(inference_id=published.inference_id, tenant_id=TENANT)
            again = requests_topic(published.priority), published
            topic, event = again if isinstance(happening, Again) else (CANCELLATIONS, cancelled)
            self.loop.create_task(self._publish(topic, event))

    def _end_and_start(self, slot: str, life: Life) -> None:
        life.end()  # when it has not made so many steps meanwhile
        if self._lives[slot] is life:
            self._start(slot)

    # Requests

    def _ask(self, request: Request) -> None:
        if request.way == "upstream":
            self._ask_upstream(request)
        for number in range(request.times if request.way != "upstream" else 0):
            self._later(number * request.every_s, self._ask_gateway, request, number)

    def _ask_gateway(self, request: Request, number: int) -> None:
        place = self._places[f"gateway-{number % self.history.gateways + 1}"]
        if place.life.alive and place.completing is not None:
            asked = Asked(request, place.life.name, self.loop.time())
            self.asked.append(asked)
            self._callers.append((place.life, place.life.start(ask(place, place.completing, asked))))

    def _ask_upstream(self, request: Request) -> None:
        accepted_at = EPOCH + timedelta(seconds=self.loop.time())
        requested = InferenceRequested(
            inference_id=new_id(),
            tenant_id=TENANT,
            input={"messages": [{"role": "user", "content": request.name}]},
            priority=request.priority,
            registry_version=1,
            accepted_at=accepted_at,
            deadline_at=accepted_at + timedelta(seconds=request.deadline_s),
        )
        self._published[request.name] = requested
        self.loop.create_task(self._publish(requests_topic(request.priority), requested))

    async def _publish(self, topic: Topic, event: InferenceRequested | CancelRequested) -> None:
        """Until it is acked, as upstream services do it."""
        while True:
            try:
                await (
                    await self._producer.send(
                        topic.name, event.encoded(), event.key, headers=event.headers("upstream", None)
                    )
                )
            except KafkaError:
                await asyncio.sleep(1.0)
            else:
                return

    async def _send_garbage(self, garbage: Garbage) -> None:
        await self._producer.send(requests_topic(garbage.priority).name, b"{", b"garbage")

    def _answer(self, call: Call, life: Life) -> Answer:
        self.ledger.append(call)
        self.trace.append(Called(self.loop.time(), life.name, UUID(call.attempt_id)))
        request = self._requests[call.body["messages"][0]["content"]]
        made = self._calls_of[request.name] = self._calls_of.get(request.name, 0) + 1
        return request.answers[min(made, len(request.answers)) - 1]

    # The end

    async def _settled(self) -> bool:
        last = max((request.at_s + request.deadline_s for request in self.history.requests), default=0.0)
        until = max(last, self.loop.time()) + SETTLED_WITHIN_S
        while not self._is_settled():
            if self.loop.time() > until:
                return False
            await asyncio.sleep(_LOOK_EVERY_S)
        return True

    def _is_settled(self) -> bool:
        rows = self.tables.inferences
        accepted = {
            entry.event.inference_id
            for entry in self.trace
            if isinstance(entry, Published) and isinstance(entry.event, InferenceRequested)
        }
        return (
            all(task.done() or not life.alive for life, task in self._callers)
            and all(key in rows and rows[key]["settlement"] is not None for key in accepted)
            and all(row["outcome"] is not None for row in self.tables.attempts.values())
            and all(call.ended_at is not None or not self._lasts(call) for call in self.ledger)
            and all(self._is_read(group, topic) for topic, group in router_groups(ROUTERS).items())
            and self._is_read(MONITORS, *BOOKED)
            and (not self.history.gateways or self._is_read(GATEWAYS, RESULTS))
        )

    def _lasts(self, call: Call) -> bool:
        made = next(
            entry for entry in self.trace if isinstance(entry, Called) and str(entry.attempt_id) == call.attempt_id
        )
        return made.by is not None and self._by_name[made.by].alive

    def _is_read(self, group: str, *topics: Topic) -> bool:
        offsets = self.cluster.group(group).offsets
        places = [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
        return all(offsets.get(place, 0) >= self.cluster.log(place).end for place in places)


@dataclass(slots=True)
class _Turn:
    """How one process reaches the database."""

    troubles: Troubles
    life: Life

    async def __call__(self, verb: str, effect: Callable[[], R], /) -> R:
        trouble = self.troubles.of_database(self.life.name)
        how, slow_s = (None, 0.0) if trouble is None else (trouble.how, trouble.slow_s)
        await asyncio.sleep(slow_s + self.troubles.latency())
        if how in {"refused", "broken"}:
            raise ConnectionRefusedError(verb)
        answer = effect()
        await asyncio.sleep(0)
        if how in {"lost", "broken_lost"}:
            raise ConnectionResetError(verb)
        return answer


def _quiet_at(history: History) -> float:
    """When nothing more happens from outside, and whoever is to come back is back."""
    ends = [fault.at_s + getattr(fault, "for_s", 0.0) + getattr(fault, "back_after_s", 0.0) for fault in history.faults]
    return max([request.at_s for request in history.requests] + ends, default=0.0) + 0.1
