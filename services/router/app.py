"""Wiring of the router."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette

from services.router.attempts import Attempts
from services.router.breaker import BreakerPolicy
from services.router.cancellations import Cancellations
from services.router.claims import Claims
from services.router.gate import Gate
from services.router.heartbeat import Heartbeat
from services.router.intake import Intake
from services.router.retry import RetryPolicy
from services.router.settings import RouterSettings
from services.router.transport import Transport
from shared.db import connect_pool
from shared.db.listen import Listener
from shared.events.topics import REQUESTS
from shared.inferences import InferenceStore
from shared.kafka.publisher import Publisher
from shared.kafka.real import RealBroker
from shared.registry import Registry
from shared.registry.providers import provider_models
from shared.registry.store import REGISTRY_CHANNEL, RegistryStore
from shared.selection import Conditions
from shared.telemetry.health import Checks, health_routes
from shared.telemetry.traces import tracing

_GRACEFUL_TIMEOUT_S = 5.0  # for handlers, which only take; calls have drain_s


def make_app(settings: RouterSettings) -> Starlette:
    app = Starlette(routes=health_routes("router"), lifespan=_lifespan)
    app.state.settings = settings
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    settings: RouterSettings = app.state.settings
    async with AsyncExitStack() as stack:
        tracing.configure("router", settings.instance)
        stack.callback(tracing.shutdown)
        ring = settings.sealing.key_ring()
        pool = await connect_pool(settings.database)
        stack.push_async_callback(pool.close)
        registry = Registry(RegistryStore(pool), provider_models(settings.provider))
        await registry.start()
        stack.push_async_callback(registry.stop)
        listener = Listener(settings.database.dsn(), {REGISTRY_CHANNEL: registry.changed})
        await listener.start()
        stack.push_async_callback(listener.stop)

        broker = RealBroker(settings.kafka)
        publisher = Publisher(broker, f"tallygate/router/{settings.instance}")
        await publisher.start()
        stack.push_async_callback(publisher.stop)
        transport = Transport(settings.connect_timeout_s, settings.max_answer_bytes, settings.guard.guard())
        await transport.start()
        stack.push_async_callback(transport.stop)

        retries = RetryPolicy(settings.max_tries, settings.retry_base_s, settings.retry_max_s)
        gate = Gate(BreakerPolicy(settings.breaker_failures, settings.breaker_pause_s, settings.breaker_max_pause_s))
        attempts = Attempts(settings.instance, ring, transport, publisher, retries, gate)
        cancellations, conditions = Cancellations(attempts.cancel), Conditions()
        for follower in (cancellations.follower(broker), *conditions.followers(broker)):
            await follower.start()
            stack.push_async_callback(follower.stop)
        intake = Intake(ring, InferenceStore(pool), registry, conditions, cancellations)
        claims = Claims(settings.instance, intake, attempts, publisher, settings.max_in_flight)
        heartbeat = Heartbeat(settings.instance, publisher, lambda: claims.in_flight)
        await heartbeat.start()
        requests = broker.subscribe(
            (REQUESTS,), settings.group, claims.take, graceful_timeout_s=_GRACEFUL_TIMEOUT_S, listener=claims,
        )  # fmt: skip
        # Stopping runs backwards: claim no more, leave the group, let the calls finish, say the last word.
        stack.push_async_callback(heartbeat.stop)
        stack.push_async_callback(claims.drain, settings.drain_s)
        consumer = await requests.start()
        stack.push_async_callback(requests.stop)
        claims.start(consumer)
        stack.push_async_callback(claims.stop_taking)
        app.state.checks = _checks(publisher, claims, registry)
        yield


def _checks(publisher: Publisher, claims: Claims, registry: Registry) -> Checks:
    async def kafka() -> str | None:
        return "the broker does not acknowledge what is published" if publisher.failing_since else None

    async def claiming() -> str | None:
        return None if claims.running else "requests are not being claimed"

    async def database() -> str | None:
        return "the registry could not be read for minutes" if registry.stale else None

    return {"kafka": kafka, "claims": claiming, "registry": database}
