"""Wiring of the monitor."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from services.monitor import routes
from services.monitor.books.handlers import TOPICS, BookingHandler, feature_keeper
from services.monitor.books.lag import Lag
from services.monitor.books.store import BookStore, FeatureBooks
from services.monitor.recovery.offsets import Offsets
from services.monitor.recovery.recovery import Recovery
from services.monitor.recovery.requests import RequestReader
from services.monitor.recovery.store import RecoveryStore
from services.monitor.rollups.rollups import Rollups
from services.monitor.rollups.store import RollupStore
from services.monitor.settings import MonitorSettings
from services.monitor.summary.store import SummaryStore
from services.monitor.summary.summary import reference_price
from shared.access import Authenticator
from shared.access.store import KEYS_CHANNEL, KeyReader
from shared.db import connect_pool
from shared.db.listen import Listener
from shared.db.pool import RETRYABLE
from shared.errors import TallygateError
from shared.kafka.publisher import Publisher
from shared.kafka.real import RealBroker
from shared.telemetry.health import Checks, health_routes
from shared.telemetry.traces import tracing

_GRACEFUL_TIMEOUT_S = 30.0  # a batch in hand is booked and committed


def make_app(settings: MonitorSettings) -> Starlette:
    handlers: dict[Any, Any] = {TallygateError: routes.on_tallygate_error, HTTPException: routes.on_http_exception}
    handlers |= dict.fromkeys(RETRYABLE, routes.on_unavailable) | {Exception: routes.on_anything_else}
    app = Starlette(
        routes=[*routes.make_routes(), *health_routes("monitor")],
        lifespan=_lifespan,
        exception_handlers=handlers,
    )
    app.state.settings = settings
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    settings: MonitorSettings = app.state.settings
    async with AsyncExitStack() as stack:
        tracing.configure("monitor", settings.instance)
        stack.callback(tracing.shutdown)
        pool = await connect_pool(settings.database)
        stack.push_async_callback(pool.close)
        authenticator = Authenticator(KeyReader(pool))
        listener = Listener(settings.database.dsn(), {KEYS_CHANNEL: authenticator.changed})
        await listener.start()
        stack.push_async_callback(listener.stop)
        broker = RealBroker(settings.kafka)
        publisher = Publisher(broker, f"tallygate/monitor/{settings.instance}")
        await publisher.start()
        stack.push_async_callback(publisher.stop)

        lag = Lag()
        booking = BookingHandler(BookStore(pool), publisher, lag)
        words = broker.subscribe(
            TOPICS, settings.group, booking.on_batch, graceful_timeout_s=_GRACEFUL_TIMEOUT_S, batch=settings.batch
        )
        consumer = await words.start()
        stack.push_async_callback(words.stop)
        booking.start(consumer)
        lag.start(consumer)
        feature_books = FeatureBooks(pool)
        keeper = feature_keeper(feature_books, publisher)
        jobs = broker.subscribe(
            keeper.topics, settings.features_group, keeper.on_batch, graceful_timeout_s=_GRACEFUL_TIMEOUT_S,
            batch=settings.batch,
        )  # fmt: skip
        consumer = await jobs.start()
        stack.push_async_callback(jobs.stop)
        keeper.start(consumer)
        offsets = Offsets(broker, settings.router_group, settings.group)
        requests = RequestReader(broker)
        recovery = Recovery(
            settings.instance, RecoveryStore(pool), publisher, offsets, requests, settings.max_deliveries
        )
        for part in (offsets, requests, recovery, Rollups(RollupStore(pool), publisher)):
            await part.start()
            stack.push_async_callback(part.stop)
        app.state.api = routes.MonitorApi(
            SummaryStore(pool), feature_books, authenticator, lag, reference_price(settings.savings_reference)
        )
        app.state.checks = _checks(listener)
        yield


def _checks(listener: Listener) -> Checks:
    async def database() -> str | None:
        return None if listener.connected else "the database cannot be reached"

    return {"database": database}
