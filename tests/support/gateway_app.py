"""The gateway's whole application without a broker, a database or a network: for what callers send and are told.

The stores are the real ones, on a pool that refuses the values which PostgreSQL refuses and answers a few rows.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast
from urllib.parse import unquote
from uuid import UUID

import aiohttp
import asyncpg
import orjson
from aiokafka import TopicPartition
from fastapi import FastAPI
from starlette.types import ASGIApp

from services.gateway import edge
from services.gateway.app import make_app
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
from services.gateway.feature_jobs.store import FeatureStore
from services.gateway.feature_jobs.watch import FeatureWatch, FeatureWorkers
from services.gateway.files.purging import Purging
from services.gateway.files.uploading import Uploads
from services.gateway.gateway import Gateway
from services.gateway.inference.admission import Deadlines
from services.gateway.inference.completing import Completing
from services.gateway.inference.doorkeeper import Doorkeeper
from services.gateway.inference.once import Once
from services.gateway.inference.rejections import Rejections
from services.gateway.inference.shares import Shares
from services.gateway.inference.store import KeyStore
from services.gateway.ingress.store import ReplyKeyStore
from services.gateway.models.probe_limit import ProbeLimit
from services.gateway.models.setup import Setups
from services.gateway.models.store import ModelStore
from services.gateway.responses.keeping import Responses
from services.gateway.responses.store import ResponseStore
from services.gateway.session_caps.store import SessionCapStore
from services.gateway.settings import GatewaySettings
from services.gateway.tenants.store import TenantStore
from services.gateway.webhooks.store import WebhookStore
from shared.access import SCOPES, Authenticator, Caller
from shared.access.store import KeyReader
from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.db.pool import Connection, Pool
from shared.db.reads import Reads
from shared.errors import TallygateError
from shared.events import Event, SessionCapped, utc_now
from shared.events.topics import BULK_REQUESTS, REQUESTS
from shared.files import Files
from shared.guard import Guard
from shared.inferences import Inferences, InferenceStore, Pending, Results, Withdrawals
from shared.kafka.local import LocalBroker
from shared.kafka.publisher import Outgoing, Publisher
from shared.registry import Model, ProviderSettings, Registry, TenantModels
from shared.registry.providers import Provider
from shared.selection import Conditions
from tests.support.memory.files import FileTables, MemoryFileStore, MemoryFileTable

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = "tg_01234567_" + "k" * 30
FEATURE_ID = UUID(int=7)
DEAD_LETTER = f"{REQUESTS.dlq}:0:0"
_ANSWER_S = 0.001  # nobody answers here, unless a test does

Rows = list[Any]


class Broker(Publisher):
    """Keeps what is published. away: nothing is acked."""

    def __init__(self) -> None:
        self.away = False
        self.events: list[Event] = []

    async def publish(self, *outgoing: Outgoing) -> None:
        await asyncio.sleep(0)  # others go on meanwhile
        if self.away:
            raise TallygateError("unavailable", "no ack")
        self.events += [one.event for one in outgoing]


class MemoryPool:
    """Answers by the first of `answers` whose text is part of the statement; others as if one row was changed.

    failing: what every statement raises.
    """

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = dict(answers)
        self.failing: Exception | None = None

    async def fetch(self, statement: str, *values: Any) -> Rows:
        found = self._answer(statement, values)
        return found if isinstance(found, list) else []

    async def fetchrow(self, statement: str, *values: Any) -> Any:
        found = await self.fetch(statement, *values)
        return found[0] if found else None

    async def fetchval(self, statement: str, *values: Any) -> Any:
        found = self._answer(statement, values)
        return None if isinstance(found, list) else found

    async def execute(self, statement: str, *values: Any) -> str:
        self._answer(statement, values)
        verb = statement.split()[0]
        return "INSERT 0 1" if verb == "INSERT" else f"{verb} 1"

    async def executemany(self, statement: str, many: Sequence[Sequence[Any]]) -> None:
        for values in many:
            self._answer(statement, values)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["MemoryPool"]:
        yield self

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        yield

    def _answer(self, statement: str, values: Sequence[Any]) -> Any:
        if self.failing is not None:
            raise self.failing
        for value in values:
            _storable(value)
        return next((found for part, found in self.answers.items() if part in statement), 0)


class MemoryReads(Reads):
    def __init__(self, pool: MemoryPool) -> None:
        self._memory = pool

    @asynccontextmanager
    async def snapshot(self, _tenant_id: str) -> AsyncIterator[Connection]:
        yield cast(Connection, self._memory)


def _storable(value: Any) -> None:
    """Raises what asyncpg raises for a value that cannot be sent or stored."""
    if isinstance(value, dict):
        try:
            value = orjson.dumps(value, default=str).decode()
        except TypeError as error:
            raise asyncpg.DataError(str(error)) from error
        if "\\u0000" in value:
            raise asyncpg.UntranslatableCharacterError("jsonb")
    for text in value if isinstance(value, list | tuple) else (value,):
        if isinstance(text, str) and "\x00" in text:
            raise asyncpg.CharacterNotInRepertoireError("text")
        if isinstance(text, str) and any(0xD800 <= ord(letter) < 0xE000 for letter in text):
            raise asyncpg.DataError("surrogates")
        if isinstance(text, int) and abs(text) >= 2**63:
            raise asyncpg.DataError("int64")


class _Registry(Registry):
    def __init__(self, models: TenantModels) -> None:
        self._models = models

    def of(self, _tenant_id: str) -> TenantModels:
        return self._models

    @property
    def stale(self) -> bool:
        return False

    async def refresh(self, _tenant_id: str) -> TenantModels:
        return self._models


class _NoMonitor:
    def get(self, *_: Any, **__: Any) -> Any:
        raise aiohttp.ClientConnectionError


class _Nothing:
    async def results(self, _: Any) -> list[Any]:
        return []


class Here(NamedTuple):
    app: FastAPI
    gateway: Gateway
    pool: MemoryPool
    file_tables: FileTables
    broker: Broker
    pending: Pending


def gateway_here(caller: Caller | None = None, answer_s: float = _ANSWER_S, **settings: Any) -> Here:
    """caller: whose key `KEY` is; an admin of the tenant acme unless given. answer_s: for an answer to come.
    settings: of the gateway."""
    known = Provider(name="openai", base_url="https://openai.example/v1", models=("gpt-5",))
    ring = KeyRing.parse(new_key())
    given = GatewaySettings(provider=ProviderSettings(providers=(known,)), **settings)
    broker, pool = Broker(), MemoryPool(_rows())
    sql, reads = cast(Pool, pool), MemoryReads(pool)
    quotas, share = given.quotas, given.tenant_share
    keys, pending, conditions, guard = KeyStore(sql, quotas.sent_keys), Pending(), Conditions(), Guard(resolve=_unknown)
    registry = _Registry(TenantModels(1, {"custom:m": _model()}))
    inferences = Inferences(broker, pending, Results(cast(Any, _Nothing()), pending), ring, 7, 0.0)
    completing = Completing(
        deadlines=Deadlines(answer_s, answer_s),
        registry=registry,
        conditions=conditions,
        doorkeeper=Doorkeeper(given.load_limits, lambda: None),
        rejections=Rejections(broker, "g1"),
        inferences=inferences,
        once=Once(keys, stale_after_s=6.0),
    )
    models, features, workers = ModelStore(sql, reads, quotas.models), FeatureStore(sql, reads), FeatureWorkers()
    probes = ProbeLimit(tenant_share=share)

    async def tell_cap(cap: SessionCapped) -> None:
        conditions.heard(cap)

    background = BackgroundInferences(
        completing=completing,
        inferences=inferences,
        store=BackgroundStore(sql, given.max_background_per_tenant),
        held=HeldStreams(inferences, Shares(given.max_held_streams, share)),
        ring=ring,
        deadlines=Deadlines(given.background_deadline_s, given.max_background_deadline_s),
        retained=Retained(given.result_retention_s, given.response_retention_s),
    )
    responses, batches = Responses(ResponseStore(sql), ring), BatchStore(sql, quotas.batches)
    in_responses = BackgroundResponses(background, responses)
    tables = FileTables()
    files = Files(MemoryFileStore(tables), ring)
    file_table = MemoryFileTable(tables, files, quotas.files)
    purging = Purging(files, file_table)
    retention_s, upload_s = given.file.file_retention_s, given.file_upload_timeout_s
    gateway = Gateway(
        settings=given,
        ring=ring,
        guard=guard,
        authenticator=KnownKey(caller or Caller("acme", "01234567", frozenset(SCOPES))),
        registry=registry,
        conditions=conditions,
        publisher=broker,
        inferences=inferences,
        completing=completing,
        tenants=TenantStore(sql, reads, quotas.keys),
        custom_models=models,
        probe_limit=probes,
        setups=Setups(
            completing=completing, store=models, registry=registry, probe_limit=probes, guard=guard, ring=ring
        ),
        conversations=ConversationStore(sql, quotas),
        responses=responses,
        background=background,
        background_responses=in_responses,
        batches=batches,
        batch_rounds=BatchRounds(
            completing=completing,
            inferences=inferences,
            responses=responses,
            background_responses=in_responses,
            store=batches,
            lost=LostResults(batches, InferenceStore(sql), _yes),
            keys=KeyReader(sql),
            ring=ring,
            deadlines=background.deadlines,
            most_body_bytes=given.max_body_bytes,
            queue_age_s=lambda: None,
        ),
        webhooks=WebhookStore(sql, reads, quotas.webhooks),
        session_caps=SessionCapStore(sql, reads, quotas.session_caps, tell_cap),
        files=files,
        file_table=file_table,
        uploads=Uploads(files, file_table, quotas.files, retention_s, upload_s, purging.wake),
        purging=purging,
        reply_keys=ReplyKeyStore(sql, quotas.reply_keys),
        features=features,
        feature_watch=FeatureWatch(),
        feature_workers=workers,
        accepting_jobs=AcceptingJobs(
            completing=completing,
            registry=registry,
            guard=guard,
            ring=ring,
            store=features,
            workers=workers,
            publisher=broker,
            once=Once(keys, stale_after_s=0.0),
            withdrawals=Withdrawals(broker),
            most_open=quotas.open_jobs,
        ),
        dead_letters=DeadLetters(_with_a_letter()),
        queue_ages_s=lambda: {REQUESTS.name: 0.0, BULK_REQUESTS.name: None},
        monitor=cast(aiohttp.ClientSession, _NoMonitor()),
        bodies=edge.BodyLimits(
            given.max_body_bytes, Shares(given.max_bodies_bytes, share), timeout_s=given.body_timeout_s
        ),
        stream_times=StreamTimes(given.stream_keep_alive_s, given.stream_stall_s),
    )
    app = make_app(given)
    app.state.gateway, app.state.checks = gateway, {}
    return Here(app, gateway, pool, tables, broker, pending)


class KnownKey(Authenticator):
    """One key, which is known."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(cast(KeyReader, None))
        self._caller = caller

    async def _look_up(self, *_: Any) -> Caller:
        return self._caller


def _with_a_letter() -> LocalBroker:
    broker = LocalBroker()
    broker.cluster.log(TopicPartition(REQUESTS.dlq, 0)).append(b"key", b"{}", (), 0)
    return broker


async def _yes() -> bool:
    return True


async def _unknown(_host: str, _port: int) -> Any:
    raise OSError


def _model() -> Model:
    return Model(id="custom:m", wire_format="openai", provider_name="openai", endpoint_url="https://model.example/v1")


def _rows() -> dict[str, Any]:
    model: dict[str, Any] = {
        "model_id": "m", "model_name": "m", "description": "", "wire_format": "openai",
        "endpoint_url": "https://model.example/v1", "sealed_api_key": None, "sealed_headers": None, "config": {},
        "capabilities": {}, "context_window": None, "max_concurrency": None, "price": None, "timeout_s": None,
        "first_chunk_timeout_s": None, "idle_timeout_s": None, "weight": None, "health": None, "probe": None,
        "is_active": True, "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    tenant: dict[str, Any] = {
        "tenant_id": "acme", "plan_id": None, "own_terms": {}, "terms": {}, "keys": 1, "models": 1, "created_at": NOW,
    }  # fmt: skip
    job: dict[str, Any] = {
        "feature_id": FEATURE_ID, "tenant_id": "acme", "state": "completed", "step": "done", "generator": "llm",
        "model": None, "delivery": 1, "progress": [], "calls": [], "error": None, "accepted_at": NOW,
        "started_at": NOW, "settled_at": NOW, "sealed_result": None, "characters": None, "characters_at": None,
    }  # fmt: skip
    webhook: dict[str, Any] = {
        "webhook_id": FEATURE_ID, "url": "https://receiver.example/hook", "events": ["inference.settled"], "name": "",
        "created_at": NOW, "old_secret_until": None, "delivered_at": None, "failing_since": None, "rests_until": None,
        "dropped": 0, "dropped_at": None, "disabled_at": None, "disabled_because": None, "waiting": 0,
    }  # fmt: skip
    delivery: dict[str, Any] = {
        "delivery_id": FEATURE_ID, "type": "webhook.test", "body": "{}", "accepted_at": NOW, "due_at": NOW,
        "tries": [], "settled_at": None, "taken": None,
    }  # fmt: skip
    cap: dict[str, Any] = {"session": "run-42", "since": utc_now(), "usd": None, "calls": 2, "tokens": None}
    batch: dict[str, Any] = {
        "batch_id": FEATURE_ID, "endpoint": "/v1/chat/completions", "input_file_id": FEATURE_ID,
        "completion_window": "24h", "status": "in_progress", "errors": [], "waiting": None, "total": 1, "completed": 0,
        "failed": 0, "metadata": None, "session": "s", "output_file_id": None, "error_file_id": None,
        "created_at": NOW, "expires_at": NOW, "in_progress_at": NOW, "cancelling_at": None, "finalizing_at": None,
        "settled_at": None,
    }  # fmt: skip
    return {
        "RETURNING since": cap["since"],
        "tokens FROM gateway.session_caps": [cap],
        "status, errors, waiting": [batch],
        "SELECT w.webhook_id": [webhook],
        "SELECT d.delivery_id": [delivery],
        "FROM gateway.tenants t": [tenant],
        "SELECT count(*), coalesce": [(0, 0)],
        "count(": 0,
        "SELECT model_id, model_name": [model],
        "FROM gateway.features": [job],
        "UPDATE gateway.tenants": [tenant],
        "UPDATE gateway.api_keys": "acme",
        "SELECT": [],
    }


class Told(NamedTuple):
    """An answer. body: parsed, where it is JSON."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def error_type(self) -> str | None:
        if not isinstance(self.body, dict):
            return None
        found = self.body.get("error", self.body)
        return found.get("code") if isinstance(found, dict) else None


async def told(
    here: Here | ASGIApp, method: str, target: str, body: bytes = b"", headers: Sequence[tuple[bytes, bytes]] = ()
) -> Told:
    """What the application answers to a request as the server hands it on. target: path and query, as they are sent."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "path": unquote(path), "raw_path": path.encode(),
        "query_string": query.encode("latin-1"), "root_path": "", "scheme": "http", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "headers": [(b"authorization", b"Bearer " + KEY.encode()), (b"host", b"x"), *headers],
    }  # fmt: skip
    parts: Iterator[dict[str, Any]] = iter(({"type": "http.request", "body": body, "more_body": False},))
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if (part := next(parts, None)) is None:
            await asyncio.Event().wait()
        return cast(dict[str, Any], part)

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(10):
        await (here.app if isinstance(here, Here) else here)(scope, cast(Any, receive), send)
    start, content = sent[0], b"".join(message["body"] for message in sent[1:])
    found = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Told(start["status"], found, orjson.loads(content) if "json" in found.get("content-type", "") else content)
