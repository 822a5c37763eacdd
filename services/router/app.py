"""Wiring of the router."""

import asyncio
from collections.abc import AsyncIterator
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
from services.router.pulse import Pulse
from services.router.retry import RetryPolicy
from services.router.settings import RouterSettings
from services.router.transport import Transport
from shared.background import OwnThread
from shared.db.listen import Listener
from shared.events.topics import CANCELLATIONS, REQUESTS
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
        await service.start(Listener(settings.database.dsn(), {REGISTRY_CHANNEL: registry.changed}))
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
        gate = Gate(BreakerPolicy(settings.breaker_failures, settings.breaker_pause_s, settings.breaker_max_pause_s))
        pulse = Pulse()
        attempts = Attempts(
            settings.instance, ring, transport, publisher, retries, gate, pulse,
            max_untold_bytes=settings.max_answer_bytes, tell_model_names=settings.metrics_model_names,
        )  # fmt: skip
        service.at_stop(attempts.stop)
        cancellations, conditions = Cancellations(), Conditions()
        cancellations.call(attempts.cancel)
        await service.start(Follower(broker, {CANCELLATIONS: cancellations.heard, **conditions.hearers}))
        intake = Intake(
            ring, InferenceStore(service.pool), registry, conditions, cancellations, ingress=settings.kafka.ingress
        )
        claims = Claims(settings.instance, intake, attempts, publisher, settings.room(), pulse)
        cancellations.call(claims.waiting.cancel)
        requests = broker.subscribe(
            (REQUESTS,), settings.group, claims.take, graceful_timeout_s=_GRACEFUL_TIMEOUT_S, listener=claims,
        )  # fmt: skip
        # Stopping runs backwards: claim no more, leave the group, let the calls finish, publish the last heartbeat.
        # That comes last because the monitor redelivers at once what a stopped router left open: published earlier, it
        # would have calls repeated that are still being made here.
        beats = Publisher(broker, publisher.source)
        heartbeat = Heartbeat(settings.instance, beats, pulse, lambda: claims.in_flight, claims.waiting.lost,
                              asyncio.get_running_loop().call_soon_threadsafe)  # fmt: skip
        await service.start(OwnThread("heartbeat", beats, heartbeat))
        service.at_stop(partial(claims.drain, settings.drain_s))
        claims.start(await service.join(requests))
        service.at_stop(claims.stop_taking)
        app.state.checks = {
            "kafka": is_acked(publisher),
            "heartbeats": holds(lambda: pulse.beating, "this router's heartbeats are not acked, so it calls no model"),
            "claims": holds(lambda: claims.running, "requests are not being claimed"),
            "registry": is_current(registry),
        }
        app.state.measure = gate.measure
        yield
