"""Wiring of the jobs service."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from services.jobs.batches.asking import Gateways
from services.jobs.batches.feeder import BatchSettings, Feeder
from services.jobs.batches.feeding import Parts
from services.jobs.batches.retention import BatchRetention
from services.jobs.batches.telling import Teller
from services.jobs.settings import JobsSettings
from services.jobs.webhooks.delivering import Deliverer, DeliverySettings
from services.jobs.webhooks.keeping import Keeping
from services.jobs.webhooks.posting import Poster
from services.jobs.webhooks.retention import Retention
from shared.batches.store import BatchStore
from shared.db.database import Database
from shared.db.store import ReadOffsets
from shared.files import open_files
from shared.jobs import LeaseSettings
from shared.registry.store import RegistryStore
from shared.service.checks import holds, is_kept
from shared.service.running import Service, running
from shared.telemetry.health import health_routes
from shared.webhooks.store import DeliveryStore

_GRACEFUL_TIMEOUT_S = 5.0
_KEPT_BATCH = 500
_GATHER_S = 0.2  # nobody waits for a webhook in milliseconds


def make_app(settings: JobsSettings) -> Starlette:
    app = Starlette(routes=health_routes("jobs"), lifespan=_lifespan)
    app.state.settings = settings
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    settings: JobsSettings = app.state.settings
    async with running("jobs", settings) as service:
        database = Database(service.pool)
        store = DeliveryStore(database, settings.max_webhooks_of_tenant)
        poster = await service.start(Poster(settings.guard.guard(), settings.webhook_timeout_s))
        leases = LeaseSettings(settings.instance, settings.max_webhooks, settings.lease_s)
        delivery = DeliverySettings(leases, settings.calls_at_once, settings.webhook_give_up_s)
        deliverer = await service.start(Deliverer(delivery, store, poster, settings.sealing.key_ring()))
        await service.start(Retention(store, settings.webhook_retention_s))
        feeder = await _feeder(service, settings, store, deliverer.leases.wake)
        keeping = Keeping(
            store, RegistryStore(database).tenant, deliverer.leases.wake, service.publisher,
            ReadOffsets(service.pool, "jobs"),
        )  # fmt: skip
        events = service.broker.subscribe(
            keeping.keeper.topics, settings.group, keeping.keeper.on_batch, graceful_timeout_s=_GRACEFUL_TIMEOUT_S,
            batch=_KEPT_BATCH, gather_s=_GATHER_S,
        )  # fmt: skip
        await service.keep(keeping.keeper, events)
        app.state.checks = {
            "events": is_kept(keeping.keeper),
            "webhooks": holds(lambda: deliverer.leases.running, "webhooks are not being called"),
            "batches": holds(lambda: feeder.leases.running, "batches are not being fed"),
        }
        yield


async def _feeder(
    service: Service, settings: JobsSettings, deliveries: DeliveryStore, wake: Callable[[], None]
) -> Feeder:
    ring = settings.sealing.key_ring()
    store = BatchStore(service.pool, settings.instance, settings.max_batches_of_tenant)
    await service.start(BatchRetention(store, settings.batch_retention_s))
    gateways = await service.start(Gateways(settings.gateway_url, ring))
    leases = LeaseSettings(settings.instance, settings.max_batches, settings.lease_s)
    limits = BatchSettings(leases, settings.batch_window, settings.max_batch_lines)
    parts = Parts(store, open_files(settings.file, service.pool, ring), gateways, service.publisher, ring)
    return await service.start(Feeder(limits, parts, Teller(store, deliveries, wake)))
