"""Routers, monitors and gateways, put together from the real parts as their `app.py` does it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from services.gateway.handlers import result_keeper
from services.gateway.inference.admission import Deadlines
from services.gateway.inference.completing import Completing
from services.gateway.inference.doorkeeper import Doorkeeper
from services.gateway.inference.limits import LoadLimits
from services.gateway.inference.once import Once
from services.gateway.inference.rejections import Rejections
from services.monitor.books.handlers import TOPICS, BookingHandler
from services.monitor.books.lag import Lag
from services.monitor.recovery.offsets import Offsets
from services.monitor.recovery.recovery import Recovery, RecoverySettings
from services.monitor.recovery.requests import RequestReader
from services.router.attempts import Attempts
from services.router.breaker import BreakerPolicy
from services.router.cancellations import Cancellations
from services.router.claims import Claims
from services.router.gate import Gate
from services.router.heartbeat import Heartbeat
from services.router.intake import Intake
from services.router.pace import Pace
from services.router.pulse import Pulse
from services.router.retry import RetryPolicy
from services.router.room import Room, RoomLimits
from services.router.waiting import Waiting
from shared.crypto import KeyRing
from shared.events.topics import CANCELLATIONS, REQUEST_TOPICS, router_groups
from shared.inferences import Inferences, Pending, Results
from shared.kafka.follow import Follower
from shared.kafka.publisher import Publisher
from shared.kafka.replies import ReplyReader, partition_of
from shared.registry import Model, Registry
from shared.selection import Conditions
from tests.histories.cluster import HistoryBroker
from tests.histories.database import TENANT, HistoryRegistryStore, HistoryTables
from tests.histories.lives import Life
from tests.support.memory.gateway import GatewayTables, MemoryInferenceStore, MemoryKeyStore
from tests.support.memory.monitor import MemoryBookStore, MemoryRecoveryStore
from tests.support.memory.read_offsets import MemoryReadOffsets
from tests.support.memory.turns import Turn
from tests.support.places import no_places
from tests.support.scripted_transport import Script, ScriptedTransport

ROUTERS, MONITORS, GATEWAYS = "router", "monitor", "gateway-results"  # their groups
PUBLISH_TIMEOUT_S = 5.0  # of a gateway
GRACE_S = 2.0  # of a gateway, past a deadline

_GRACEFUL_S = 5.0
_DRAIN_S = 4.0
_ROOM = RoomLimits(slots=3, places=5, held_bytes=100_000)  # so that some wait, and some are refused
_BULK_PER_S = 1.0  # beside people
_BATCH = 500
_MAX_DELIVERIES = 5
_RING = KeyRing.parse("k1:" + "A" * 43 + "=")


class Ends(list[Callable[[], Awaitable[object]]]):
    """What is called at a graceful stop, backwards."""


class Place:
    """What one life of a process is given. `stop` is set when it is told to stop, or wants to."""

    def __init__(
        self, life: Life, broker: HistoryBroker, turn: Turn, tables: HistoryTables, gateway_tables: GatewayTables
    ) -> None:
        self.life = life
        self.broker = broker
        self.turn = turn
        self.tables = tables
        self.gateway_tables = gateway_tables
        self.stop = asyncio.Event()
        self.completing: Completing | None = None  # of a gateway that takes requests

    def inference_store(self) -> MemoryInferenceStore:
        return MemoryInferenceStore(self.gateway_tables, self.tables, self.turn)


def models(*names: str) -> tuple[Model, ...]:
    return tuple(
        Model(
            id=f"custom:{name}", tenant_id=TENANT, wire_format="openai", provider_name="openai",
            endpoint_url=f"http://{name}/v1", timeout_s=15.0,
        )
        for name in names
    )  # fmt: skip


async def run_router(place: Place, script: Script, known: tuple[Model, ...]) -> None:
    name, now, ends = place.life.name, place.life.now, Ends()
    registry = Registry(HistoryRegistryStore(known, place.turn), {})
    await registry.refresh(TENANT)
    publisher = Publisher(place.broker, f"tallygate/router/{name}")
    await publisher.start()
    ends.append(publisher.stop)
    retries, gate = RetryPolicy(2, 0.2, 2.0), Gate(BreakerPolicy(), no_places())
    pulse = Pulse(asyncio.get_running_loop().time)
    attempts = Attempts(name, _RING, ScriptedTransport(script), publisher, retries, gate, pulse, now)
    cancellations = Cancellations()
    cancellations.call(attempts.cancel)
    follower = Follower(place.broker, {CANCELLATIONS: cancellations.heard})
    await follower.start()
    ends.append(follower.stop)
    intake = Intake(_RING, place.inference_store(), registry, Conditions(), cancellations, now)
    room = Room(_ROOM)
    waiting = Waiting(intake, attempts, publisher, room, pulse, now, Pace(_BULK_PER_S))
    cancellations.call(waiting.cancel)
    claims = {
        topic: Claims(name, intake, attempts, publisher, waiting, pulse, place.stop.set, now, topic)
        for topic in REQUEST_TOPICS
    }
    groups = router_groups(ROUTERS)
    requests = {
        topic: place.broker.subscribe((topic,), groups[topic], one.take, graceful_timeout_s=_GRACEFUL_S, listener=one)
        for topic, one in claims.items()
    }
    heartbeat = Heartbeat(name, publisher, pulse, lambda: room.in_slots, waiting.lost, now=now)
    await heartbeat.start()
    ends.append(heartbeat.stop)
    ends.append(lambda: asyncio.gather(*(one.drain(_DRAIN_S) for one in claims.values())))
    for topic, one in claims.items():
        consumer = await requests[topic].start()
        ends.append(requests[topic].stop)
        one.start(consumer)
        ends.append(one.stop_taking)
    await place.stop.wait()
    await _end(ends)


async def run_monitor(place: Place) -> None:
    name, now, ends = place.life.name, place.life.now, Ends()
    publisher = Publisher(place.broker, f"tallygate/monitor/{name}")
    await publisher.start()
    ends.append(publisher.stop)
    read_offsets = MemoryReadOffsets(place.tables.read, place.turn)
    booking = BookingHandler(MemoryBookStore(place.tables, place.turn), publisher, read_offsets, Lag(now), now)
    events = place.broker.subscribe(TOPICS, MONITORS, booking.on_batch, graceful_timeout_s=_GRACEFUL_S, batch=_BATCH)
    consumer = await events.start()
    ends.append(events.stop)
    booking.keeper.start(consumer)
    watch = booking.keeper.watch()
    await watch.start()
    ends.append(watch.stop)
    offsets = Offsets(place.broker, ROUTERS, MONITORS)
    requests = RequestReader(place.broker)
    store = MemoryRecoveryStore(place.tables, place.turn)
    recovery = Recovery(RecoverySettings(name, _MAX_DELIVERIES), store, publisher, offsets, requests, now)
    for part in (offsets, requests, recovery):
        await part.start()
        ends.append(part.stop)
    await place.stop.wait()
    await _end(ends)


async def run_gateway(place: Place, known: tuple[Model, ...]) -> None:
    name, now, ends = place.life.name, place.life.now, Ends()
    registry = Registry(HistoryRegistryStore(known, place.turn), {})
    await registry.refresh(TENANT)
    publisher = Publisher(place.broker, f"tallygate/gateway/{name}")
    stored, pending, partition = place.inference_store(), Pending(), partition_of(name)
    results = Results(stored, pending)
    for part in (publisher, results, ReplyReader(place.broker, partition, pending.on_reply)):
        await part.start()
        ends.append(part.stop)
    keeper = result_keeper(
        stored, publisher, MemoryReadOffsets(place.gateway_tables.read, place.turn), timedelta(days=1)
    )
    kept = place.broker.subscribe(
        keeper.topics, GATEWAYS, keeper.on_batch, graceful_timeout_s=_GRACEFUL_S, batch=_BATCH
    )
    consumer = await kept.start()
    ends.append(kept.stop)
    keeper.start(consumer)
    watch = keeper.watch()
    await watch.start()
    ends.append(watch.stop)
    place.completing = Completing(
        deadlines=Deadlines(60.0, 60.0),
        registry=registry,
        conditions=Conditions(),
        doorkeeper=Doorkeeper(LoadLimits(), lambda: None),
        rejections=Rejections(publisher, name),
        inferences=Inferences(publisher, pending, results, _RING, partition, GRACE_S, now),
        once=Once(MemoryKeyStore(place.gateway_tables, place.turn), stale_after_s=PUBLISH_TIMEOUT_S + 1.0, now=now),
    )
    await place.stop.wait()
    await _end(ends)


async def _end(ends: Ends) -> None:
    """An exit stack would go on with the next one when the history is over in the middle of this."""
    for end in reversed(ends):
        await end()
