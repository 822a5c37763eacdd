"""Wiring of the router."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette

from services.router.attempts import Attempts
from services.router.breaker import BreakerPolicy
from services.router.cancellations import Cancellations
from services.router.claims import Claims
from services.router.gate import Gate
from services.router.heartbeat import Heartbeat
from services.router.intake import Intake
from services.router.pace import Pace
from services.router.places import Places
from services.router.pulse import Pulse
from services.router.retry import RetryPolicy
from services.router.room import Room
from services.router.settings import RouterSettings
from services.router.store import PLACES_CHANNEL, SqlPlacesStore
from services.router.transport import Transport
from services.router.waiting import Waiting
from shared.background import OwnThread
from shared.db.listen import Listener
from shared.events.topics import CANCELLATIONS, REQUEST_TOPICS, router_groups
from shared.inferences import InferenceStore
from shared.kafka.follow import Follower
from shared.kafka.publisher import Publisher
from shared.registry import Registry
from shared.registry.providers import provider_models
from shared.registry.store import REGISTRY_CHANNEL, RegistryStore
from shared.selection import Conditions
from shared.service.checks import holds, is_acked, is_current
from shared.service.running import running
from shared.telemetry.health import health_routes

_GRACEFUL_TIMEOUT_S = 5.0  # for handlers, which only take requests; calls have drain_s


def make_app(settings: RouterSettings) -> Starlette:
    app = Starlette(routes=health_routes("router"), lifespan=_lifespan)
    app.state.settings = settings
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    settings: RouterSettings = app.state.settings
    async with running("router", settings) as service:
        ring, publisher, broker = settings.sealing.key_ring(), service.publisher, service.broker
        registry = await service.start(Registry(RegistryStore(service.pool), provider_models(settings.provider)))
        places = await service.start(Places(settings.instance, SqlPlacesStore(service.pool)))
        heard = {REGISTRY_CHANNEL: registry.changed, PLACES_CHANNEL: places.others_want}
        await service.start(Listener(settings.database.dsn(), heard))
        transport = await service.start(
            Transport(
                settings.connect_timeout_s,
                settings.max_answer_bytes,
                settings.guard.guard(),
                settings.max_stream_bytes,
                settings.trace_endpoints,
            )
        )

        retries = RetryPolicy(settings.max_tries, settings.retry_base_s, settings.retry_max_s, settings.max_calls)
        breakers = BreakerPolicy(settings.breaker_failures, settings.breaker_pause_s, settings.breaker_max_pause_s)
        gate = Gate(breakers, places)
        pulse = Pulse()
        cancellations, conditions = Cancellations(), Conditions()
        attempts = Attempts(
            settings.instance, ring, transport, publisher, retries, gate, pulse,
            max_untold_bytes=settings.max_answer_bytes, tell_model_names=settings.metrics_model_names,
            was_cancelled=cancellations.cancelled,
        )  # fmt: skip
        service.at_stop(attempts.stop)
        cancellations.call(attempts.cancel)
        await service.start(Follower(broker, {CANCELLATIONS: cancellations.heard, **conditions.hearers}))
        intake = Intake(
            ring, InferenceStore(service.pool), registry, conditions, cancellations, ingress=settings.kafka.ingress
        )
        room, pace = Room(settings.room()), Pace(settings.bulk_per_s)
        waiting = Waiting(intake, attempts, publisher, room, pulse, pace=pace)
        cancellations.call(waiting.cancel)
        claims = {
            topic: Claims(settings.instance, intake, attempts, publisher, waiting, pulse, topic=topic)
            for topic in REQUEST_TOPICS
        }
        groups = router_groups(settings.group)
        requests = {
            topic: broker.subscribe(
                (topic,), groups[topic], one.take, graceful_timeout_s=_GRACEFUL_TIMEOUT_S, listener=one,
            )
            for topic, one in claims.items()
        }  # fmt: skip
        # Stopping runs backwards: claim no more, leave the group, let the calls finish, publish the last heartbeat.
        # That comes last because the monitor redelivers at once what a stopped router left open: published earlier, it
        # would have calls repeated that are still being made here.
        beats = Publisher(broker, publisher.source)
        heartbeat = Heartbeat(settings.instance, beats, pulse, lambda: waiting.room.in_slots, waiting.lost,
                              asyncio.get_running_loop().call_soon_threadsafe)  # fmt: skip
        await service.start(OwnThread("heartbeat", beats, heartbeat))
        service.at_stop(partial(_drain, tuple(claims.values()), settings.drain_s))
        for topic, one in claims.items():
            one.start(await service.join(requests[topic]))
            service.at_stop(one.stop_taking)
        app.state.checks = {
            "kafka": is_acked(publisher),
            "heartbeats": holds(lambda: pulse.beating, "this router's heartbeats are not acked, so it calls no model"),
            "claims": holds(lambda: all(one.running for one in claims.values()), "requests are not being claimed"),
            "registry": is_current(registry),
        }
        app.state.measure = partial(_measure, gate, waiting)
        yield


async def _drain(claims: Sequence[Claims], drain_s: float) -> None:
    await asyncio.gather(*(one.drain(drain_s) for one in claims))


async def _measure(gate: Gate, waiting: Waiting) -> None:
    await gate.measure()
    await waiting.measure()
