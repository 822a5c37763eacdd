"""Wiring of the features worker."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from services.features.asking import Lines
from services.features.beat import Beat
from services.features.codegen.check.execution import refusal
from services.features.codegen.generators.catalogue import Catalogue
from services.features.codegen.reading.git_version import git_refusal
from services.features.handlers import RequestHandler
from services.features.job import JobRunner
from services.features.retention import Retention
from services.features.settings import FeaturesSettings
from services.features.store import FeaturesStore
from services.features.worker import Worker, WorkerSettings
from shared.db.database import Database
from shared.db.store import ReadOffsets
from shared.events.topics import FEATURE_CANCELLATIONS, FEATURE_REQUESTS
from shared.inferences import Inferences, InferenceStore, Pending, Results
from shared.jobs import LeaseSettings
from shared.kafka.follow import Follower
from shared.registry.providers import provider_models
from shared.registry.store import RegistryStore
from shared.service.checks import holds, is_acked, is_kept
from shared.service.running import running
from shared.service.ways_back import ways_back
from shared.telemetry.health import health_routes

_GRACEFUL_TIMEOUT_S = 5.0
_REPLY_GRACE_S = 5.0  # a reply that comes late is already paid for, and no caller holds a connection open


def make_app(settings: FeaturesSettings) -> Starlette:
    app = Starlette(routes=health_routes("features"), lifespan=_lifespan)
    app.state.settings = settings
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    settings: FeaturesSettings = app.state.settings
    catalogue = Catalogue.installed()
    await asyncio.to_thread(catalogue.load_all)
    no_sandbox = await asyncio.to_thread(refusal) if settings.check_command else None
    no_git = await asyncio.to_thread(git_refusal)
    async with running("features", settings) as service:
        ring, publisher, broker = settings.sealing.key_ring(), service.publisher, service.broker
        database = Database(service.pool)
        store = FeaturesStore(database)
        pending = Pending()
        results = await service.start(Results(InferenceStore(service.pool), pending))
        ways = await ways_back(service, settings, ring, pending)

        inferences = Inferences(
            publisher, pending, results, ring, ways.partition, _REPLY_GRACE_S, reply_to=ways.reply_to
        )
        lines = Lines(inferences, store, ring, settings.call_timeout_s, streamed=ways.reply_to is not None)
        prices = RegistryStore(database), provider_models(settings.provider)
        runner = JobRunner(settings, lines, settings.guard.guard(), catalogue, *prices)
        leases = LeaseSettings(settings.instance, settings.max_jobs, settings.lease_s)
        worker = Worker(WorkerSettings(leases, settings.max_deliveries), store, publisher, runner.run, runner.calls)
        await service.start(Follower(broker, {FEATURE_CANCELLATIONS: worker.heard}))
        await service.start(Beat(settings.instance, publisher, catalogue, lambda: worker.leases.in_hand))
        await service.start(Retention(store, settings.retention_s))
        await service.start(worker)
        handler = RequestHandler(store, publisher, ReadOffsets(service.pool, "features"), worker)
        requests = broker.subscribe(
            (FEATURE_REQUESTS,), settings.group, handler.on_feature_requested, graceful_timeout_s=_GRACEFUL_TIMEOUT_S
        )
        await service.keep(handler.keeper, requests)
        app.state.checks = {
            "kafka": is_acked(publisher),
            **ways.checks,
            "requests": is_kept(handler.keeper),
            "jobs": holds(lambda: worker.leases.running, "jobs are not being taken"),
            "generators": holds(lambda: bool(catalogue.usable), "no generator can be used"),
        }
        app.state.notes = lambda: _notes(catalogue, {"check command": no_sandbox, "git sources": no_git})
        yield


def _notes(catalogue: Catalogue, refusals: Mapping[str, str | None]) -> dict[str, str]:
    """What is broken without making the worker unready, by name."""
    notes = {f"generator {name}": reason for name, reason in catalogue.broken.items()}
    return notes | {name: reason for name, reason in refusals.items() if reason is not None}
