"""The real readers of every topic, on the broker in memory and with stores in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID

from services.features.handlers import RequestHandler
from services.features.store import FeaturesStore
from services.features.worker import Worker
from services.gateway import handlers as of_gateway
from services.gateway.feature_jobs.store import FeatureStore
from services.gateway.feature_jobs.watch import FeatureWorkers
from services.monitor.books.handlers import BookingHandler
from services.monitor.books.lag import Lag
from services.monitor.proof import seals
from services.monitor.proof.seals import Seal
from services.monitor.proof.topic import published_seals
from services.monitor.recovery.offsets import Offsets
from services.monitor.recovery.recovery import Recovery, RecoverySettings
from services.monitor.recovery.requests import RequestReader
from services.router.attempts import Attempts
from services.router.breaker import BreakerPolicy
from services.router.cancellations import Cancellations
from services.router.gate import Gate
from services.router.intake import Intake
from services.router.retry import RetryPolicy
from services.router.room import RoomLimits
from shared.crypto import KeyRing
from shared.crypto.signing import SigningKeys, new_signing_key
from shared.events import Event, FeatureRequested, InferenceEvent, Now, utc_now
from shared.events.codec import UnreadableMessageError, decode
from shared.events.topics import (
    ATTEMPTS,
    BULK_REQUESTS,
    CANCELLATIONS,
    FEATURE_OUTCOMES,
    FEATURE_PROGRESS,
    FEATURE_REQUESTS,
    FEATURE_WORKERS,
    HEARTBEATS,
    MODEL_HEALTH,
    OUTCOMES,
    REPLIES,
    REQUESTS,
    RESULTS,
    SEALS,
    SPENDING,
    Topic,
)  # fmt: skip
from shared.inferences import Pending
from shared.kafka import ConsumerRecord, TopicPartition
from shared.kafka.follow import Follower
from shared.kafka.keeper import Keeper
from shared.kafka.local import LocalBroker
from shared.kafka.publisher import Publisher
from shared.kafka.replies import ReplyReader
from shared.registry import Registry
from shared.selection import Conditions
from tests.histories.database import HistoryRegistryStore
from tests.histories.processes import models
from tests.support.claims import claims_of
from tests.support.memory.gateway import GatewayTables, MemoryInferenceStore
from tests.support.memory.monitor import MemoryBookStore, MemoryRecoveryStore, MonitorTables
from tests.support.memory.read_offsets import MemoryReadOffsets
from tests.support.memory.turns import at_once
from tests.support.places import no_places
from tests.support.scripted_transport import Answer, ScriptedTransport
from tests.unit.hostile.messages import ce_type_of
from tests.unit.router.values import beating

IsDone = Callable[[], bool]  # the good event has had its effect, and each hostile one its end
Bench = Callable[[LocalBroker, Topic, Event], AbstractAsyncContextManager[IsDone]]

_RING = KeyRing.parse("k1:" + "A" * 43 + "=")
_GRACEFUL_S = 1.0
_CLAIMED = 10**6  # an offset beyond all records


def read(broker: LocalBroker, topic: str, decoder: Topic) -> list[Event]:
    """What can be read of a topic, or of its dead letters."""
    return [event for record in broker.cluster.records(topic) if (event := _decoded(decoder, record)) is not None]


def _decoded(topic: Topic, record: ConsumerRecord) -> Event | None:
    try:
        return decode(topic, record.headers, record.value)
    except UnreadableMessageError:
        return None


def _inferences(events: Iterable[Event]) -> set[UUID]:
    return {event.inference_id for event in events if isinstance(event, InferenceEvent)}


def _virtual_now() -> Now:
    """Deadlines pass with the time of the loop."""
    began, loop = utc_now(), asyncio.get_running_loop()
    return lambda: began + timedelta(seconds=loop.time())


async def _publisher(broker: LocalBroker) -> Publisher:
    publisher = Publisher(broker, "bench")
    await publisher.start()
    return publisher


@asynccontextmanager
async def router(broker: LocalBroker, topic: Topic, good: Event) -> AsyncIterator[IsDone]:
    """Every request that can be read is settled, or is a dead letter because of what is between its fields."""
    publisher = await _publisher(broker)
    registry = Registry(HistoryRegistryStore(models("a"), at_once), {})
    transport, gate = ScriptedTransport(lambda _: Answer(0.01)), Gate(BreakerPolicy(), no_places())
    attempts = Attempts("r", _RING, transport, publisher, RetryPolicy(2, 0.2, 2.0), gate, beating())
    store = MemoryInferenceStore(GatewayTables(), MonitorTables())
    intake = Intake(_RING, store, registry, Conditions(), Cancellations())
    stop = partial(setattr, broker, "stopped", True)
    claims = claims_of(intake, attempts, publisher, RoomLimits(slots=10), beating(), stop=stop, topic=topic)
    requests = broker.subscribe((topic,), "router", claims.take, graceful_timeout_s=_GRACEFUL_S, listener=claims)
    claims.start(await requests.start())

    def all_settled() -> bool:
        asked = _inferences(read(broker, topic.name, topic))
        settled = _inferences(read(broker, OUTCOMES.name, OUTCOMES))
        set_aside = _inferences(read(broker, topic.dlq, topic))
        return _inferences([good]) <= settled and asked <= settled | set_aside

    yield all_settled
    await claims.stop_taking()
    await claims.drain(_GRACEFUL_S)
    await requests.stop()


@asynccontextmanager
async def monitor(broker: LocalBroker, _: Topic, good: Event) -> AsyncIterator[IsDone]:
    """Books, and recovery of what is in them: of no router a heartbeat is heard, so everything open is lost work."""
    tables, publisher, now = MonitorTables(), await _publisher(broker), _virtual_now()
    booking = BookingHandler(MemoryBookStore(tables), publisher, MemoryReadOffsets(), Lag(now), now)
    events = broker.subscribe(
        (ATTEMPTS, OUTCOMES, REQUESTS), "monitor", booking.on_batch, graceful_timeout_s=_GRACEFUL_S, batch=500
    )
    booking.keeper.start(await events.start())
    offsets, requests = Offsets(broker, "router", "monitor"), RequestReader(broker)
    recovery = Recovery(RecoverySettings("m"), MemoryRecoveryStore(tables), publisher, offsets, requests, now)
    for part in (offsets, requests, recovery):
        await part.start()
    requested = broker.cluster.partitions(REQUESTS.name)
    broker.cluster.group("router").commit(None, -1, dict.fromkeys(requested, _CLAIMED))

    def is_open(row: Mapping[str, Any]) -> bool:
        """A request that no router has claimed is Kafka's to deliver, so recovery leaves it alone."""
        place = row["request_partition"], row["request_offset"]
        claimed = row["router_id"] is not None and place[0] < len(requested) and place[1] < _CLAIMED
        return row["settlement"] is None and claimed

    def nothing_is_open() -> bool:
        """Also of hostile events that are good as far as anybody can see."""
        [inference_id] = _inferences([good])
        ended = all(row["outcome"] is not None for row in tables.attempts.values())
        settled = not any(map(is_open, tables.inferences.values()))
        is_booked = inference_id in tables.inferences or bool(tables.made(inference_id))
        return is_booked and ended and settled

    yield nothing_is_open
    for part in (recovery, requests, offsets):
        await part.stop()
    await events.stop()


def _kept_by(make: Callable[[list[Event], Publisher], Keeper[Any]]) -> Bench:
    """A keeper whose store notes what it is given. Every record is kept or is a dead letter."""

    @asynccontextmanager
    async def bench(broker: LocalBroker, topic: Topic, good: Event) -> AsyncIterator[IsDone]:
        kept: list[Event] = []
        keeper = make(kept, await _publisher(broker))
        events = broker.subscribe((topic,), "keeper", keeper.on_batch, graceful_timeout_s=_GRACEFUL_S, batch=500)
        keeper.start(await events.start())

        def all_have_an_end() -> bool:
            ends = len(kept) + len(broker.cluster.records(topic.dlq))
            return good in kept and ends == len(broker.cluster.records(topic.name))

        yield all_have_an_end
        await events.stop()

    return bench


class _Store:
    """Stands for the stores of results and feature events, and for the worker that new jobs wake."""

    def __init__(self, kept: list[Event]) -> None:
        self._kept = kept
        self.leases = self

    async def add_results(self, results: Iterable[Any], _now: datetime, _kept_until: datetime) -> None:
        kinds = {kind.ce_type: kind for kind in RESULTS.events}
        self._kept += [kinds[stored.ce_type].decoded(stored.event) for stored in results]

    async def keep(self, events: Iterable[Event]) -> None:
        self._kept += events

    async def add_job(self, _feature_id: UUID, _tenant_id: str, body: bytes, *_: object) -> None:
        self._kept.append(FeatureRequested.decoded(body))

    def wake(self) -> None:
        pass


def _results(kept: list[Event], publisher: Publisher) -> Keeper[Any]:
    return of_gateway.result_keeper(
        cast("MemoryInferenceStore", _Store(kept)), publisher, MemoryReadOffsets(), timedelta(days=1)
    )


def _features(kept: list[Event], publisher: Publisher) -> Keeper[Any]:
    return of_gateway.feature_keeper(cast("FeatureStore", _Store(kept)), publisher, MemoryReadOffsets())


def _jobs(kept: list[Event], publisher: Publisher) -> Keeper[Any]:
    store = _Store(kept)
    return RequestHandler(cast("FeaturesStore", store), publisher, MemoryReadOffsets(), cast("Worker", store)).keeper


def _heard_by(listener: Callable[[], Callable[[Event], None]]) -> Bench:
    """A follower, which passes over what it cannot read."""

    @asynccontextmanager
    async def bench(broker: LocalBroker, topic: Topic, good: Event) -> AsyncIterator[IsDone]:
        noted: list[Event] = []
        heard = listener()

        def on_event(event: Event) -> None:
            heard(event)
            noted.append(event)

        follower = Follower(broker, {topic: on_event})
        await follower.start()
        yield lambda: good in noted
        await follower.stop()

    return bench


@asynccontextmanager
async def heartbeats(broker: LocalBroker, _: Topic, good: Event) -> AsyncIterator[IsDone]:
    nothing: Any = None
    store = MemoryRecoveryStore(MonitorTables())
    offsets = Offsets(broker, "router", "monitor")
    await offsets.start()
    recovery = Recovery(RecoverySettings("m"), store, await _publisher(broker), offsets, nothing)
    await recovery.start()
    yield lambda: any(life.router_id == good.subject for life in recovery._liveness.last_beats)
    await recovery.stop()
    await offsets.stop()


@asynccontextmanager
async def replies(broker: LocalBroker, _: Topic, good: Event) -> AsyncIterator[IsDone]:
    """A caller waits for the good one. Only replies with its key are looked at, so all have it."""
    pending = Pending()
    [inference_id] = _inferences([good])
    with pending.expect(inference_id, "acme") as answer:
        reader = ReplyReader(broker, 0, pending.on_reply)
        await reader.start()
        yield lambda: answer.done() and reader.running
        await reader.stop()


@asynccontextmanager
async def audit(broker: LocalBroker, topic: Topic, good: Event) -> AsyncIterator[IsDone]:
    """A seal counts only when it is signed, so one that is lies behind the good event and is to be found."""
    keys = SigningKeys.parse(new_signing_key())
    signed = seals.sign(keys, Seal(1, date(2026, 1, 2), 1, utc_now(), 0, 0, 0, "", seals.FIRST_LINK, "s1", 1))

    async def is_found() -> bool:
        while good not in read(broker, topic.name, topic):  # noqa: ASYNC110 - the log signals nothing
            await asyncio.sleep(0.1)
        event = signed.event
        broker.cluster.log(TopicPartition(topic.name, 0)).append(
            event.key, event.encoded(), [ce_type_of(type(event))], 0
        )
        return await published_seals(broker, keys) == {(signed.seal.day, signed.seal.sequence): signed}

    reading = asyncio.create_task(is_found())
    yield lambda: reading.done() and reading.result()
    reading.cancel()


BENCHES: dict[Topic, Bench] = {
    REQUESTS: router,
    BULK_REQUESTS: router,
    ATTEMPTS: monitor,
    OUTCOMES: monitor,
    RESULTS: _kept_by(_results),
    FEATURE_PROGRESS: _kept_by(_features),
    FEATURE_OUTCOMES: _kept_by(_features),
    FEATURE_REQUESTS: _kept_by(_jobs),
    CANCELLATIONS: _heard_by(lambda: Cancellations().heard),
    MODEL_HEALTH: _heard_by(lambda: Conditions().heard),
    SPENDING: _heard_by(lambda: Conditions().heard),
    SEALS: audit,
    FEATURE_WORKERS: _heard_by(lambda: FeatureWorkers().heard),
    HEARTBEATS: heartbeats,
    REPLIES: replies,
}
