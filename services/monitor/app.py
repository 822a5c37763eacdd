"""Wiring of the monitor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from services.monitor import instances, routes
from services.monitor.books.handlers import GATHER_S, TOPICS, BookingHandler, feature_keeper
from services.monitor.books.lag import Lag
from services.monitor.books.store import BookStore, FeatureBooks
from services.monitor.errors.store import ErrorStore
from services.monitor.health.probes import Probes
from services.monitor.health.routes import HealthApi
from services.monitor.health.store import HealthStore, ProbeStore
from services.monitor.health.watched import Watched
from services.monitor.lists.export import Exports
from services.monitor.lists.feed import Feed
from services.monitor.lists.live_stream import Missed
from services.monitor.lists.routes import ListsApi
from services.monitor.lists.store import ListStore
from services.monitor.proof.late import signer
from services.monitor.proof.sealing import LEASE_S, Sealer, Sealing
from services.monitor.proof.store import ProofStore
from services.monitor.recovery.lease import Lease
from services.monitor.recovery.offsets import Offsets
from services.monitor.recovery.recovery import Recovery, RecoverySettings
from services.monitor.recovery.requests import RequestReader
from services.monitor.recovery.store import LeaseRow, RecoveryStore
from services.monitor.retention.retention import KeptFrom, Retention
from services.monitor.retention.store import RetentionStore
from services.monitor.rollups.rollups import Rollups
from services.monitor.rollups.store import RollupStore
from services.monitor.series.store import SeriesStore
from services.monitor.sessions.store import SessionStore
from services.monitor.settings import MonitorSettings
from services.monitor.shadows.store import ShadowStore
from services.monitor.summary.store import SummaryStore
from services.monitor.summary.summary import reference_price
from services.monitor.vitals.measuring import Measuring
from services.monitor.vitals.store import VitalsStore
from shared.access import Authenticator
from shared.access.store import KEYS_CHANNEL, KeyReader
from shared.crypto.signing import SigningKeys
from shared.db.failures import RETRYABLE, UNSTORABLE
from shared.db.listen import Listener
from shared.db.reads import connect_reads
from shared.db.store import ReadOffsets
from shared.errors import TallygateError
from shared.events.topics import OUTCOMES
from shared.kafka import KafkaError
from shared.kafka.tail import Tail
from shared.registry.store import REGISTRY_CHANNEL, RegistryStore
from shared.service.checks import holds, is_kept
from shared.service.running import Service, running
from shared.service.serving import when_stopping
from shared.telemetry.health import health_routes

logger = structlog.get_logger(__name__)

_CATCH_UP_S = 2.0
_GRACEFUL_TIMEOUT_S = 30.0  # a batch in hand is booked and committed


def make_app(settings: MonitorSettings) -> Starlette:
    handlers: dict[Any, Any] = {TallygateError: routes.on_tallygate_error, HTTPException: routes.on_http_exception}
    handlers |= dict.fromkeys(RETRYABLE, routes.on_unavailable)
    handlers |= dict.fromkeys(UNSTORABLE, routes.on_unstorable) | {Exception: routes.on_anything_else}
    app = Starlette(
        routes=[*routes.make_routes(), instances.make_route(), *health_routes("monitor")],
        lifespan=_lifespan,
        exception_handlers=handlers,
    )
    app.state.settings = settings
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    settings: MonitorSettings = app.state.settings
    async with running("monitor", settings) as service:
        pool, publisher, broker = service.pool, service.publisher, service.broker
        authenticator = Authenticator(KeyReader(pool))
        watched = Watched(RegistryStore(pool), settings.health_thresholds)
        channels = {KEYS_CHANNEL: authenticator.changed, REGISTRY_CHANNEL: watched.changed}
        listener = await service.start(Listener(settings.database.dsn(), channels))
        await service.start(watched)

        reading, reads = await connect_reads(settings.database, settings.reads)
        service.at_stop(reading.close)
        retained = RetentionStore(pool)
        kept = await service.start(KeptFrom(retained))
        await service.start(Retention(retained, settings.retention_days, settings.sums_retention_days))

        lag = Lag()
        read_offsets = ReadOffsets(pool, "monitor")
        keys = _signing_keys(settings)
        store = BookStore(pool, None if keys is None else signer(keys))
        booking = BookingHandler(store, publisher, read_offsets, lag, kept_from=lambda: kept.at)
        words = broker.subscribe(
            TOPICS, settings.group, booking.on_batch, graceful_timeout_s=_GRACEFUL_TIMEOUT_S, batch=settings.batch,
            gather_s=GATHER_S,
        )  # fmt: skip
        lag.start(await service.keep(booking.keeper, words))
        feature_books = FeatureBooks(pool, reads)
        keeper = feature_keeper(feature_books, publisher, read_offsets)
        jobs = broker.subscribe(
            keeper.topics, settings.features_group, keeper.on_batch, graceful_timeout_s=_GRACEFUL_TIMEOUT_S,
            batch=settings.batch,
        )  # fmt: skip
        await service.keep(keeper, jobs)

        offsets = await service.start(Offsets(broker, settings.router_group, settings.group))
        requests = await service.start(RequestReader(broker))
        recovery = await service.start(Recovery(_recovery(settings), RecoveryStore(pool), publisher, offsets, requests))
        probes = await service.start(Probes(ProbeStore(pool), publisher, watched))
        rollups = Rollups(RollupStore(pool), publisher, watched.thresholds, probes.ended)
        await service.start(rollups)
        if keys is not None:
            await service.start(_sealing(service, settings, keys, offsets))
        app.state.api = routes.MonitorApi(
            routes.Stores(
                SummaryStore(reads), SeriesStore(reads), ErrorStore(reads), SessionStore(reads), ShadowStore(reads),
                feature_books,
            ),
            authenticator, lag, reference_price(settings.savings_reference), offsets.booked_to_the_end,
            watched.thresholds_of,
        )  # fmt: skip
        app.state.health = HealthApi(HealthStore(reads), authenticator, lag, watched, rollups.said)
        app.state.measure = Measuring(lag, VitalsStore(reads)).measure
        feed = Feed(
            partial(Tail, broker, OUTCOMES), most=settings.feeds, per_tenant=settings.feeds_per_tenant,
            waiting=settings.feed_events,
        )  # fmt: skip
        when_stopping(feed.end)
        lists = ListStore(reads)
        missed = Missed(lists, partial(_caught_up, offsets))
        exports = Exports(lists, most=settings.exports, per_tenant=settings.exports_per_tenant)
        app.state.lists = ListsApi(lists, authenticator, lag, feed, missed, exports)
        app.state.instances = instances.Instances(settings.instance, authenticator, lag, offsets, recovery)
        app.state.checks = {
            "database": holds(lambda: listener.connected, "the database cannot be reached"),
            "books": is_kept(booking.keeper),
            "feature books": is_kept(keeper),
        }
        yield


async def _caught_up(offsets: Offsets) -> None:
    with suppress(KafkaError):  # the books say what they know
        await offsets.booked_to_the_end(_CATCH_UP_S)


def _signing_keys(settings: MonitorSettings) -> SigningKeys | None:
    """Raises ConfigurationError when there are keys and none that signs."""
    keys = settings.signing.keys()
    if keys is None:
        logger.warning("proof.off", reason="TALLYGATE_SIGNING_KEYS is not set, so no day of the books is sealed")
    else:
        keys.require_private()
    return keys


def _sealing(service: Service, settings: MonitorSettings, keys: SigningKeys, offsets: Offsets) -> Sealing:
    store = ProofStore(service.pool)
    lease = Lease(LeaseRow(service.pool, "sealing"), settings.instance, LEASE_S)
    sealer = Sealer(store, service.publisher, keys)
    return Sealing(store, sealer, lease, settings.seal_after_s, offsets.booked_to_the_end)


def _recovery(settings: MonitorSettings) -> RecoverySettings:
    return RecoverySettings(
        settings.instance, settings.max_deliveries, settings.recovery_lease_s, settings.sweep_after_s,
        settings.metrics_model_names,
    )  # fmt: skip
