"""Wiring of the features worker."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

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
from shared.db import connect_pool
from shared.db.database import Database
from shared.events.topics import FEATURE_CANCELLATIONS, FEATURE_REQUESTS
from shared.inferences import Inferences, InferenceStore, Pending, Results
from shared.jobs import LeaseSettings
from shared.kafka.follow import Follower
from shared.kafka.publisher import Publisher
from shared.kafka.real import RealBroker
from shared.kafka.replies import ReplyReader
from shared.registry.providers import provider_models
from shared.registry.store import RegistryStore
from shared.telemetry.health import Checks, health_routes
from shared.telemetry.traces import tracing

_GRACEFUL_TIMEOUT_S = 5.0
_REPLY_GRACE_S = 5.0  # nobody waits at the other end of a connection: better late than paid for and lost


def make_app(settings: FeaturesSettings) -> Starlette:
    app = Starlette(routes=health_routes("features"), lifespan=_lifespan)
    app.state.settings = settings
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    settings: FeaturesSettings = app.state.settings
    async with AsyncExitStack() as stack:
        tracing.configure("features", settings.instance)
        stack.callback(tracing.shutdown)
        ring = settings.sealing.key_ring()
        catalogue = Catalogue.installed()
        await asyncio.to_thread(catalogue.load_all)
        no_sandbox = await asyncio.to_thread(refusal) if settings.check_command else None
        no_git = await asyncio.to_thread(git_refusal)
        pool = await connect_pool(settings.database)
        stack.push_async_callback(pool.close)
        database = Database(pool)
        store = FeaturesStore(database)
        broker = RealBroker(settings.kafka)
        publisher = Publisher(broker, f"tallygate/features/{settings.instance}")
        await publisher.start()
        stack.push_async_callback(publisher.stop)
        pending = Pending()
        results = Results(InferenceStore(pool), pending)
        await results.start()
        stack.push_async_callback(results.stop)
        reader = ReplyReader(broker, settings.partition, pending.on_reply)
        await reader.start()
        stack.push_async_callback(reader.stop)

        inferences = Inferences(publisher, pending, results, ring, settings.partition, _REPLY_GRACE_S)
        lines = Lines(inferences, store, ring, settings.call_timeout_s)
        prices = RegistryStore(database), provider_models(settings.provider)
        runner = JobRunner(settings, lines, settings.guard.guard(), catalogue, *prices)
        leases = LeaseSettings(settings.instance, settings.max_jobs, settings.lease_s)
        worker = Worker(WorkerSettings(leases, settings.max_deliveries), store, publisher, runner.run, runner.calls)
        cancellations = Follower(broker, FEATURE_CANCELLATIONS, worker.heard)
        await cancellations.start()
        stack.push_async_callback(cancellations.stop)
        beat = Beat(settings.instance, publisher, catalogue, lambda: worker.leases.in_hand)
        retention = Retention(store, settings.retention_s)
        for part in (beat, retention):
            await part.start()
            stack.push_async_callback(part.stop)
        await worker.start()
        stack.push_async_callback(worker.stop)
        handler = RequestHandler(store, publisher, worker)
        requests = broker.subscribe(
            (FEATURE_REQUESTS,), settings.group, handler.on_feature_requested, graceful_timeout_s=_GRACEFUL_TIMEOUT_S
        )
        consumer = await requests.start()
        stack.push_async_callback(requests.stop)
        handler.start(consumer)
        app.state.checks = _checks(publisher, reader, worker, catalogue)
        app.state.notes = lambda: _notes(catalogue, {"check command": no_sandbox, "git sources": no_git})
        yield


def _notes(catalogue: Catalogue, refusals: Mapping[str, str | None]) -> dict[str, str]:
    """What is broken and takes nobody else's work away."""
    notes = {f"generator {name}": reason for name, reason in catalogue.broken.items()}
    return notes | {name: reason for name, reason in refusals.items() if reason is not None}


def _checks(publisher: Publisher, replies: ReplyReader, worker: Worker, catalogue: Catalogue) -> Checks:
    async def kafka() -> str | None:
        return "the broker does not acknowledge what is published" if publisher.failing_since else None

    async def reading() -> str | None:
        return None if replies.running else "replies are not being read"

    async def jobs() -> str | None:
        return None if worker.leases.running else "jobs are not being taken"

    async def generators() -> str | None:
        return None if catalogue.usable else "no generator can be used"

    return {"kafka": kafka, "replies": reading, "jobs": jobs, "generators": generators}
