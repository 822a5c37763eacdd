"""Wiring of the gateway."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

import aiohttp
import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.gateway import edge
from services.gateway.background.background import BackgroundInferences, Retained
from services.gateway.background.held import HeldStreams
from services.gateway.background.responses import BackgroundResponses
from services.gateway.background.store import BackgroundStore
from services.gateway.batches.lost import LostResults
from services.gateway.batches.rounds import BatchRounds
from services.gateway.batches.store import BatchStore
from services.gateway.conversations.store import ConversationStore
from services.gateway.dead_letters import DeadLetters
from services.gateway.event_stream import StreamTimes
from services.gateway.feature_jobs.accepting import AcceptingJobs
from services.gateway.feature_jobs.overdue import OverdueJobs
from services.gateway.feature_jobs.store import FEATURES_CHANNEL, FeatureStore
from services.gateway.feature_jobs.watch import FeatureWatch, FeatureWorkers
from services.gateway.files.purging import Purging
from services.gateway.files.store import FileTable
from services.gateway.files.uploading import Uploads
from services.gateway.gateway import Gateway
from services.gateway.handlers import HeldUp, feature_keeper, ingress_reader, result_keeper
from services.gateway.inference.admission import Deadlines
from services.gateway.inference.completing import Completing
from services.gateway.inference.doorkeeper import Doorkeeper
from services.gateway.inference.once import Once
from services.gateway.inference.queue_age import QueueAge
from services.gateway.inference.rejections import Rejections
from services.gateway.inference.shadows import Shadows
from services.gateway.inference.shares import Shares
from services.gateway.inference.store import KeyStore
from services.gateway.ingress.parts import Parts
from services.gateway.ingress.store import ReplyKeyStore, UpstreamStore
from services.gateway.ingress.telling import Telling
from services.gateway.models.probe_limit import ProbeLimit
from services.gateway.models.setup import Setups
from services.gateway.models.store import ModelStore
from services.gateway.monitor_client import end_relayed
from services.gateway.responses.keeping import Responses
from services.gateway.responses.store import ResponseStore
from services.gateway.retention import Retention
from services.gateway.routes import HOT_ROUTES, ROUTERS, batch_rounds
from services.gateway.routes.openapi import openapi
from services.gateway.routes.refusals import refusals
from services.gateway.session_caps.store import SessionCapStore
from services.gateway.settings import GatewaySettings
from services.gateway.tenants.store import NewKey, TenantStore
from services.gateway.webhooks.store import WebhookStore
from shared.access import SCOPES, ApiKey, Authenticator, hash_key
from shared.access.store import KEYS_CHANNEL, KeyReader
from shared.background import Periodic
from shared.db.failures import RETRYABLE, UNSTORABLE, described
from shared.db.listen import Listener
from shared.db.reads import connect_reads
from shared.db.store import ReadOffsets
from shared.errors import TallygateError
from shared.events import SessionCapped
from shared.events.topics import FEATURE_WORKERS, RESULTS, SPENDING
from shared.files import open_files
from shared.inferences import Inferences, InferenceStore, Pending, Results, StreamLimits, Withdrawals
from shared.inferences.store import RESULTS_CHANNEL
from shared.kafka.follow import Follower
from shared.kafka.keeper import Keeper
from shared.kafka.offsets import all_read
from shared.kafka.publisher import Outgoing, Publisher
from shared.registry import Registry
from shared.registry.providers import provider_models
from shared.registry.store import REGISTRY_CHANNEL, RegistryStore
from shared.selection import Conditions
from shared.service.checks import is_acked, is_current
from shared.service.running import Service, running
from shared.service.serving import when_stopping
from shared.service.ways_back import ways_back
from shared.telemetry.health import health_routes

logger = structlog.get_logger(__name__)

_RESULTS_GROUP = "gateway-results"
_RESULTS_STORED_WITHIN_S = 5.0
_FEATURES_GROUP = "gateway-features"
_INGRESS_GROUP = "gateway-ingress"  # and the topic
_SOURCE = "tallygate/upstream-replies"
_KEPT_BATCH = 200
_GRACEFUL_TIMEOUT_S = 5.0  # a batch of results in hand is stored and committed
_REPLY_GRACE_S = 2.0
_BOOTSTRAP_EVERY_S = 3600.0
_STALE_AFTER_S = 1.0  # beyond the publish timeout: a gateway that has not published by then is dead


class GatewayApp(FastAPI):
    """FastAPI's routes, and hot ones that are answered without its layers: they stand in its document as well, and
    pass the same edge."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._hot = {path: edge.EdgeMiddleware(route) for path, route in HOT_ROUTES.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hot = self._hot.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if hot is None:
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await hot(scope, receive, send)


def make_app(settings: GatewaySettings) -> FastAPI:
    app = GatewayApp(title="Tallygate gateway", version="0.1.0", lifespan=_lifespan)
    app.state.settings = settings
    app.add_middleware(edge.EdgeMiddleware)
    app.add_exception_handler(HTTPException, edge.on_http_exception)
    expected: tuple[type[Exception], ...] = (TallygateError, *RETRYABLE, *UNSTORABLE)
    for kind in expected:
        app.add_exception_handler(kind, edge.on_expected)
    known = routes()
    app.state.routes = [*app.routes, *known]
    app.router.routes.extend(health_routes("gateway"))
    app.router.routes.extend(refusals(known))
    app.router.routes.append(batch_rounds.ROUTE)
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = cache(lambda: openapi(known))  # type: ignore[method-assign]
    return app


def routes() -> list[Route]:
    """Of the gateway's own API, health included."""
    routed = [route for router in ROUTERS for route in router.routes]
    return [route for route in (*health_routes("gateway"), *routed) if isinstance(route, Route)]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: GatewaySettings = app.state.settings
    kafka = settings.kafka.model_copy(update={"publish_timeout_s": settings.publish_timeout_s})
    async with running("gateway", settings.model_copy(update={"kafka": kafka})) as service:
        ring, pool, publisher, broker = settings.sealing.key_ring(), service.pool, service.publisher, service.broker
        reading, reads = await connect_reads(settings.database, settings.reads)
        service.at_stop(reading.close)
        quotas, features = settings.quotas, FeatureStore(pool, reads)
        tenants, models = TenantStore(pool, reads, quotas.keys), ModelStore(pool, reads, quotas.models)
        keys, stored = KeyStore(pool, quotas.sent_keys), InferenceStore(pool)
        offsets = ReadOffsets(pool, "gateway")
        await _admit_bootstrap_key(service, tenants, settings.bootstrap_key(), settings.bootstrap_tenant)

        registry = await service.start(Registry(RegistryStore(pool), provider_models(settings.provider)))
        authenticator, pending = Authenticator(KeyReader(pool)), Pending()
        results = await service.start(Results(stored, pending))
        feature_watch, feature_workers = FeatureWatch(), FeatureWorkers()
        channels = {
            REGISTRY_CHANNEL: registry.changed,
            KEYS_CHANNEL: authenticator.changed,
            RESULTS_CHANNEL: results.changed,
            FEATURES_CHANNEL: feature_watch.changed,
        }
        await service.start(Listener(settings.database.dsn(), channels))
        ways = await ways_back(service, settings, ring, pending)
        kept_features = feature_keeper(features, publisher, offsets)
        await _keep(service, _FEATURES_GROUP, kept_features)
        retained_s = settings.result_retention_s, settings.feature_retention_s, settings.response_retention_s
        responses, in_background = ResponseStore(pool), BackgroundStore(pool, settings.max_background_per_tenant)
        conditions = Conditions()

        async def tell_cap(cap: SessionCapped) -> None:
            await publisher.publish(Outgoing(SPENDING, cap))
            conditions.heard(cap)

        caps = SessionCapStore(pool, reads, quotas.session_caps, tell_cap)
        upstream = UpstreamStore(pool)
        await service.start(
            Retention(keys, stored, models, features, responses, in_background, caps, upstream, *retained_s)
        )
        await service.start(OverdueJobs(features, publisher, settings.instance))
        queue_age = await service.start(QueueAge(broker, settings.router_group))
        rejections = await service.start(Rejections(publisher, settings.instance))
        await service.start(Follower(broker, {FEATURE_WORKERS: feature_workers.heard, **conditions.hearers}))
        monitor = aiohttp.ClientSession(settings.monitor_url, timeout=aiohttp.ClientTimeout(total=10))
        service.at_stop(monitor.close)
        when_stopping(end_relayed)

        guard = settings.guard.guard()
        inferences = Inferences(
            publisher, pending, results, ring, ways.partition, _REPLY_GRACE_S, reply_to=ways.reply_to,
            stream_limits=StreamLimits(settings.stream_waiting_bytes),
        )  # fmt: skip
        service.at_stop(inferences.stop)
        withdrawals = Withdrawals(publisher)
        service.at_stop(withdrawals.stop)
        shadows = await service.start(Shadows(inferences, registry.of, conditions.spent))
        doorkeeper = Doorkeeper(settings.load_limits, lambda: queue_age.seconds)
        completing = Completing(
            deadlines=Deadlines(settings.default_deadline_s, settings.max_deadline_s),
            registry=registry,
            conditions=conditions,
            doorkeeper=doorkeeper,
            rejections=rejections,
            inferences=inferences,
            once=Once(keys, stale_after_s=settings.publish_timeout_s + _STALE_AFTER_S),
            copy=shadows.offer,
        )
        held = HeldStreams(inferences, Shares(settings.max_held_streams, settings.tenant_share))
        service.at_stop(held.stop)
        background = BackgroundInferences(
            completing=completing,
            inferences=inferences,
            store=in_background,
            held=held,
            ring=ring,
            deadlines=Deadlines(settings.background_deadline_s, settings.max_background_deadline_s),
            retained=Retained(settings.result_retention_s, settings.response_retention_s),
        )
        files = open_files(settings.file, pool, ring)
        file_table = FileTable(pool, reads, files, quotas.files)
        purging = await service.start(Purging(files, file_table))
        retention_s, upload_s = settings.file.file_retention_s, settings.file_upload_timeout_s
        uploads = Uploads(files, file_table, quotas.files, retention_s, upload_s, purging.wake)
        reply_keys = ReplyKeyStore(pool, quotas.reply_keys)
        kept_responses = Responses(responses, ring)
        in_responses = BackgroundResponses(background, kept_responses)
        ingress = Parts(
            ingress=settings.kafka.ingress,
            completing=completing,
            background=background,
            responses=in_responses,
            store=upstream,
            reply_keys=reply_keys,
            tenants=tenants,
            publisher=publisher,
            max_body_bytes=settings.max_body_bytes,
        )
        telling = await _telling(service, ingress, settings.instance)
        kept_for = timedelta(seconds=settings.result_retention_s)
        kept_results = result_keeper(stored, publisher, offsets, kept_for, None if telling is None else telling.stored)
        await _keep(service, _RESULTS_GROUP, kept_results)
        takings = {} if telling is None else await _take(service, ingress, offsets, telling)
        batch_store = BatchStore(pool, quotas.batches)
        probe_limit = ProbeLimit(tenant_share=settings.tenant_share)
        app.state.gateway = Gateway(
            settings=settings,
            ring=ring,
            guard=guard,
            authenticator=authenticator,
            registry=registry,
            conditions=conditions,
            publisher=publisher,
            inferences=inferences,
            completing=completing,
            tenants=tenants,
            custom_models=models,
            probe_limit=probe_limit,
            setups=Setups(
                completing=completing, store=models, registry=registry, probe_limit=probe_limit, guard=guard, ring=ring
            ),
            conversations=ConversationStore(pool, quotas),
            responses=kept_responses,
            background=background,
            background_responses=in_responses,
            batches=batch_store,
            batch_rounds=BatchRounds(
                completing=completing,
                inferences=inferences,
                responses=kept_responses,
                background_responses=in_responses,
                store=batch_store,
                lost=LostResults(
                    batch_store,
                    stored,
                    partial(all_read, broker, _RESULTS_GROUP, RESULTS.name, _RESULTS_STORED_WITHIN_S),
                ),
                keys=KeyReader(pool),
                ring=ring,
                deadlines=background.deadlines,
                most_body_bytes=settings.max_body_bytes,
                queue_age_s=lambda: queue_age.seconds,
            ),
            webhooks=WebhookStore(pool, reads, quotas.webhooks),
            session_caps=caps,
            files=files,
            file_table=file_table,
            uploads=uploads,
            purging=purging,
            reply_keys=reply_keys,
            features=features,
            feature_watch=feature_watch,
            feature_workers=feature_workers,
            accepting_jobs=AcceptingJobs(
                completing=completing,
                registry=registry,
                guard=guard,
                ring=ring,
                store=features,
                workers=feature_workers,
                publisher=publisher,
                once=Once(keys, stale_after_s=0.0),
                withdrawals=withdrawals,
                most_open=quotas.open_jobs,
            ),
            monitor=monitor,
            dead_letters=DeadLetters(broker),
            queue_ages_s=lambda: queue_age.by_topic,
            bodies=edge.BodyLimits(
                most=settings.max_body_bytes,
                held=Shares(settings.max_bodies_bytes, settings.tenant_share),
                timeout_s=settings.body_timeout_s,
            ),
            stream_times=StreamTimes(settings.stream_keep_alive_s, settings.stream_stall_s),
        )
        app.state.checks = {
            "kafka": is_acked(publisher),
            **ways.checks,
            "database": is_current(registry),
            "load": doorkeeper.check,
        }
        kept: dict[str, HeldUp] = {"results": kept_results, "feature jobs": kept_features, **takings}
        app.state.notes = lambda: _notes(kept)
        yield


async def _telling(service: Service, ingress: Parts, instance: str) -> Telling | None:
    """None where upstream services have no topics to ask on."""
    if not ingress.ingress.topics:
        return None
    publisher = await service.start(Publisher(service.broker, f"{_SOURCE}/{instance}"))
    telling = Telling(ingress.store, ingress.background, ingress.responses, publisher, ingress.ingress)
    return await service.start(telling)


async def _take(service: Service, ingress: Parts, offsets: ReadOffsets, telling: Telling) -> dict[str, HeldUp]:
    """Reads every ingress topic by itself, so that one that is held up holds up no other."""
    readers: dict[str, HeldUp] = {}
    for topic in ingress.ingress.topics:
        reader = ingress_reader(ingress, topic, service.publisher, offsets, telling.wake)
        await _keep(service, f"{_INGRESS_GROUP}-{topic.name}"[:249], reader.keeper)
        readers[topic.name] = reader
    return readers


def _notes(keepers: Mapping[str, HeldUp]) -> dict[str, str]:
    """What waits to be stored, without making the gateway unready: requests are answered all the same."""
    held_up = {name: keeper.held_up for name, keeper in keepers.items()}
    return {name: f"events wait to be stored: {reason}" for name, reason in held_up.items() if reason is not None}


async def _keep(service: Service, group: str, keeper: Keeper[Any]) -> None:
    """One group for all gateways, so that each event is stored by one of them."""
    events = service.broker.subscribe(
        keeper.topics, group, keeper.on_batch, graceful_timeout_s=_GRACEFUL_TIMEOUT_S, batch=_KEPT_BATCH
    )
    await service.keep(keeper, events)


async def _admit_bootstrap_key(service: Service, store: TenantStore, key: ApiKey | None, tenant_id: str) -> None:
    """Stores the first admin key, which the operator made: without it no key could be made over the API. While the
    database takes no writes, this is tried again beside what the gateway can do meanwhile."""
    if key is None:
        return
    made = NewKey(key.key_id, tenant_id, hash_key(key.text), SCOPES, "bootstrap admin")

    async def admit() -> None:
        await store.add_key(made, None, datetime.now(UTC))

    try:
        await admit()
    except RETRYABLE as error:
        logger.warning("bootstrap_key.waiting", reason=described(error))
        await service.start(Periodic("bootstrap key", admit, _BOOTSTRAP_EVERY_S, RETRYABLE, retry_s=1.0))
