"""Wiring of the gateway."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import asyncpg
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from services.gateway import edge
from services.gateway.bootstrap import admit_bootstrap_key
from services.gateway.gateway import Gateway
from services.gateway.handlers import ReplyHandler
from services.gateway.inferences import Inferences
from services.gateway.pending import Pending
from services.gateway.routes import ROUTERS
from services.gateway.settings import GatewaySettings
from services.gateway.store import GatewayStore
from shared.access import Authenticator
from shared.access.store import KEYS_CHANNEL, KeyReader
from shared.db import connect_pool
from shared.db.listen import Listener
from shared.db.pool import RETRYABLE
from shared.errors import TallygateError
from shared.events.publisher import Publisher
from shared.events.replies import ReplyReader
from shared.registry import Registry
from shared.registry.providers import provider_models
from shared.registry.store import REGISTRY_CHANNEL, RegistryStore
from shared.telemetry.health import Checks, health_routes
from shared.telemetry.traces import tracing


def make_app(settings: GatewaySettings) -> FastAPI:
    app = FastAPI(title="Tallygate gateway", version="0.1.0", lifespan=_lifespan)
    app.state.settings = settings
    app.add_middleware(edge.EdgeMiddleware)
    app.add_exception_handler(TallygateError, edge.on_tallygate_error)
    app.add_exception_handler(HTTPException, edge.on_http_exception)
    for unavailable in RETRYABLE:
        app.add_exception_handler(unavailable, edge.on_database_unavailable)
    app.add_exception_handler(asyncpg.DataError, edge.on_unstorable)
    for router in ROUTERS:
        app.include_router(router)
    app.router.routes.extend(health_routes("gateway"))
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document with the key that every route asks for."""
    document = FastAPI.openapi(app)
    schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["ApiKey"] = {"type": "http", "scheme": "bearer", "description": "A key made by: tallygate keys create"}
    return document


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: GatewaySettings = app.state.settings
    async with AsyncExitStack() as stack:
        tracing.configure("gateway", settings.instance)
        stack.callback(tracing.shutdown)
        ring = settings.sealing.key_ring()
        pool = await connect_pool(settings.database)
        stack.push_async_callback(pool.close)
        store = GatewayStore(pool)
        await admit_bootstrap_key(store, settings.bootstrap_key(), settings.bootstrap_tenant)

        registry = Registry(RegistryStore(pool), provider_models(settings.provider))
        await registry.start()
        stack.push_async_callback(registry.stop)
        authenticator = Authenticator(KeyReader(pool))
        listener = Listener(
            settings.database.dsn(), {REGISTRY_CHANNEL: registry.changed, KEYS_CHANNEL: authenticator.changed}
        )
        listener.start()
        stack.push_async_callback(listener.stop)

        publisher = Publisher(settings.kafka, f"tallygate/gateway/{settings.instance}")
        await publisher.start()
        stack.push_async_callback(publisher.stop)
        pending = Pending()
        replies = ReplyReader(settings.kafka, settings.partition, ReplyHandler(pending).on_reply)
        await replies.start()
        stack.push_async_callback(replies.stop)
        monitor = aiohttp.ClientSession(settings.monitor_url, timeout=aiohttp.ClientTimeout(total=10))
        stack.push_async_callback(monitor.close)

        inferences = Inferences(publisher, pending, ring, settings.partition)
        app.state.gateway = Gateway(settings, ring, store, registry, authenticator, pending, inferences, monitor)
        app.state.checks = _checks(publisher, replies, registry)
        yield


def _checks(publisher: Publisher, replies: ReplyReader, registry: Registry) -> Checks:
    async def kafka() -> str | None:
        return "the broker does not acknowledge what is published" if publisher.failing_since else None

    async def reading() -> str | None:
        return None if replies.running else "replies are not being read"

    async def database() -> str | None:
        return "the registry could not be read for minutes" if registry.stale else None

    return {"kafka": kafka, "replies": reading, "database": database}
