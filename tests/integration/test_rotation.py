"""Sealed secrets get under a new key while the system works: no call fails, no secret is lost or set back."""

import asyncio
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from deploy.local.stack import Stack
from services.gateway.rotation_store import RotationStore
from services.gateway.sealed_places import PLACES, SealedRow
from shared.crypto import KeyRing, SealedContext, open_sealed, seal
from shared.crypto.keys import new_key
from shared.crypto.sealed import sealing_key_id
from shared.db import DatabaseSettings, connect_pool
from shared.db.pool import Connection
from shared.events import new_id
from shared.registry.store import REGISTRY_CHANNEL
from tests.support.live import Answer, Api, Live, ModelServer, admin_key, stack_environment
from tests.support.otlp import OtlpReceiver

K1, K2 = new_key("k1"), new_key("k2")
OLD_FIRST, NEW_FIRST, NEW_ONLY = f"{K1},{K2}", f"{K2},{K1}", K2
OLD = KeyRing.parse(OLD_FIRST)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CODEBASE = "/api/codebase/chat"

_CALLERS = 16
_TENANTS, _MODELS_EACH = 5, 10
_MESSAGES = 30_000
_WAIT_S = 60.0


class Tenant:
    """A tenant, its models with the key of each, and one keyed request that was answered."""

    def __init__(self, api: Api, tenant_id: str) -> None:
        self.api = api
        self.id = tenant_id
        self.keys: dict[str, str] = {}
        self.repeatable = {"idempotency-key": str(uuid.uuid4())}
        self.answer: Answer | None = None


@contextmanager
def running(home: Path, environment: dict[str, str]) -> Iterator[Stack]:
    stack = Stack(home, environment)
    stack.up()
    try:
        yield stack
    finally:
        stack.down()


@asynccontextmanager
async def live(
    stack: Stack, environment: dict[str, str], server: ModelServer, otlp: OtlpReceiver
) -> AsyncIterator[Live]:
    found = stack.running()
    assert found.gateway is not None
    assert found.monitor is not None
    key = admin_key(stack.home.path)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        given = environment | stack.environment()
        yield Live(stack, session, found.gateway, found.monitor, key, server, otlp, given)


@pytest.fixture(scope="module")
def environment(otlp: OtlpReceiver) -> dict[str, str]:
    return stack_environment(dict(os.environ), otlp.endpoint) | {"TALLYGATE_KEYS": OLD_FIRST}


@pytest_asyncio.fixture(scope="module")
async def own(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], model_server: ModelServer, otlp: OtlpReceiver
) -> AsyncIterator[Live]:
    """A stack of its own, of which the services seal with k1 and know k2."""
    home: Path = tmp_path_factory.mktemp("rotation")
    try:
        with running(home, environment) as stack:
            async with live(stack, environment, model_server, otlp) as made:
                yield made
    finally:
        Stack(home, environment).remove()


@pytest_asyncio.fixture
async def database(own: Live) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(own.environment["DATABASE_URL"])
    try:
        yield connection
    finally:
        await connection.close()


def with_keys(own: Live, keys: str) -> Live:
    return replace(own, environment=own.environment | {"TALLYGATE_KEYS": keys})


async def run(own: Live, command: str, keys: str, *, status: int = 0) -> dict[str, Any]:
    """`tallygate secrets <command> --json` as a process of its own, with this key ring."""
    arguments = ("secrets", command, "--json")
    done = await asyncio.to_thread(with_keys(own, keys).command, *arguments, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def start_rotation(own: Live) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "services", "secrets", "rotate", "--json"],
        env=own.environment | {"TALLYGATE_KEYS": NEW_FIRST}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


async def result_of(process: "subprocess.Popen[bytes]", *, status: int = 0) -> dict[str, Any]:
    out, err = await asyncio.to_thread(process.communicate, timeout=_WAIT_S)
    assert process.returncode == status, out + err
    told: dict[str, Any] = json.loads(out)
    return told


def by_key(status: dict[str, Any]) -> dict[str, dict[str | None, int]]:
    return {one["place"]: {key["kid"]: key["secrets"] for key in one["keys"]} for one in status["places"]}


async def new_tenant(own: Live) -> Tenant:
    tenant_id = f"t-{uuid.uuid4().hex[:12]}"
    answer = await own.admin.post("/api/keys", {"tenant": tenant_id})
    return Tenant(own.api(answer.body["key"]), tenant_id)


async def add_provider_keys(database: Connection, tenant_id: str, secrets: dict[str, str]) -> None:
    rows = [
        (tenant_id, provider, seal(OLD, SealedContext(tenant_id, "provider_api_key", provider), secret.encode()), NOW)
        for provider, secret in secrets.items()
    ]
    await database.executemany("INSERT INTO gateway.provider_keys VALUES ($1, $2, $3, $4, $4)", rows)


async def provider_keys(database: Connection, tenant_id: str) -> dict[str, str]:
    rows = await database.fetch(
        "SELECT provider, sealed_api_key FROM gateway.provider_keys WHERE tenant_id = $1", tenant_id
    )
    return {row["provider"]: row["sealed_api_key"] for row in rows}


def opened_provider_key(tenant_id: str, provider: str, sealed: str, keys: str = NEW_ONLY) -> str:
    context = SealedContext(tenant_id, "provider_api_key", provider)
    return open_sealed(KeyRing.parse(keys), context, sealed).decode()


async def add_messages(database: Connection, tenant_id: str, count: int, padding: bytes = b"") -> None:
    rows = []
    for _ in range(count):
        message_id = new_id()
        context = SealedContext(tenant_id, "chat/many", str(message_id))
        sealed = seal(OLD, context, f"message {message_id}".encode() + padding)
        rows.append((tenant_id, "many", message_id, "user", sealed, None, new_id(), NOW))
    await database.copy_records_to_table("chat_messages", schema_name="gateway", records=rows)


async def messages(database: Connection, tenant_id: str) -> dict[uuid.UUID, str]:
    rows = await database.fetch(
        "SELECT message_id, sealed_content FROM gateway.chat_messages WHERE tenant_id = $1 AND session_id = 'many'",
        tenant_id,
    )
    return {row["message_id"]: row["sealed_content"] for row in rows}


async def resealed_messages(database: Connection, tenant_id: str) -> int:
    """Under k2: the key id follows two bytes, of version and length."""
    count = """
        SELECT count(*) FROM gateway.chat_messages
        WHERE tenant_id = $1 AND substr(decode(left(sealed_content, 8), 'base64'), 3, 2) = 'k2'
    """
    return int(await database.fetchval(count, tenant_id))


async def furnished_tenant(own: Live, database: Connection) -> Tenant:
    tenant = await new_tenant(own)
    for number in range(_MODELS_EACH):
        key = f"sk-{tenant.id}-{number}"
        headers = {"x-team": f"team-{number}"}
        model = await tenant.api.add_model(f"model-{number}", own.model_server_url, api_key=key, headers=headers)
        tenant.keys[model] = key
    model = next(iter(tenant.keys))
    await add_provider_keys(database, tenant.id, {"openai": f"sk-o-{tenant.id}", "anthropic": f"sk-a-{tenant.id}"})
    tenant.answer = await tenant.api.chat(model, "once", headers=tenant.repeatable)
    assert tenant.answer.status == 200
    for text in ("one", "two"):
        asked = await tenant.api.post(CODEBASE, {"sessionId": "s", "message": text, "model": model})
        assert asked.status == 200
    await add_messages(database, tenant.id, 4000)
    return tenant


@asynccontextmanager
async def load(tenants: list[Tenant]) -> AsyncIterator[list[Answer]]:
    """Callers that send one request after the other, each to any model, until the block ends."""
    answers: list[Answer] = []
    going_on = True

    async def caller() -> None:
        while going_on:
            tenant = random.choice(tenants)
            answers.append(await tenant.api.chat(random.choice(list(tenant.keys)), "hello"))

    callers = [asyncio.create_task(caller()) for _ in range(_CALLERS)]
    try:
        yield answers
    finally:
        going_on = False
        await asyncio.gather(*callers)


async def serves_everything(own: Live, tenants: list[Tenant]) -> None:
    """Every model is called with its own key; what was answered and remembered before can be read."""
    await asyncio.gather(*(calls_every_model(own, tenant) for tenant in tenants))
    for tenant in tenants:
        history = await tenant.api.get(f"{CODEBASE}?sessionId=s")
        assert [one["content"] for one in history.body["messages"]] == ["one", "echo: one", "two", "echo: two"]
        repeat = await tenant.api.chat(next(iter(tenant.keys)), "once", headers=tenant.repeatable)
        assert repeat.headers["idempotency-replayed"] == "true"
        assert tenant.answer is not None
        assert repeat.body == tenant.answer.body


async def calls_every_model(own: Live, tenant: Tenant) -> None:
    """Each with the key that is its own, as the endpoint has seen it."""
    keys: dict[str, str] = {}
    for model, key in tenant.keys.items():
        answer = await tenant.api.chat(model)
        assert answer.status == 200, answer
        timeline = await tenant.api.settled(answer.headers["x-tallygate-inference-id"])
        keys[timeline["attempts"][0]["attempt_id"]] = hashlib.sha256(key.encode()).hexdigest()[:12]
    entries = (await own.model_server.ledger())["entries"]
    assert {one["request_id"]: one["key_fingerprint"] for one in entries if one["request_id"] in keys} == keys


@pytest.mark.timeout(180)
async def test_a_rotation_that_is_killed_loses_nothing_and_goes_on_when_it_is_run_again(
    own: Live, database: Connection
) -> None:
    tenant = await new_tenant(own)
    await add_messages(database, tenant.id, _MESSAGES)
    done = 0

    for share in (0.02, 0.3, 0.6):
        process = start_rotation(own)
        while (done := await resealed_messages(database, tenant.id)) < share * _MESSAGES:
            assert process.poll() is None, "it was done before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.communicate)
        assert process.returncode == -signal.SIGKILL
        done = await resealed_messages(database, tenant.id)
        assert share * _MESSAGES <= done < _MESSAGES
        status = await run(own, "status", NEW_FIRST)
        assert status["unreadable"] == []
        assert by_key(status)["chat_messages.sealed_content"]["k2"] >= done
        assert status["removable_keys"] == []

    result = await run(own, "rotate", NEW_FIRST)

    assert result["unreadable"] == []
    [told] = [one for one in result["places"] if one["place"] == "chat_messages.sealed_content"]
    assert told["already"] >= done
    assert 0 < told["resealed"] < _MESSAGES
    assert set(by_key(await run(own, "status", NEW_ONLY))["chat_messages.sealed_content"]) == {"k2"}
    ring = KeyRing.parse(NEW_ONLY)
    for message_id, sealed in (await messages(database, tenant.id)).items():
        context = SealedContext(tenant.id, "chat/many", str(message_id))
        assert open_sealed(ring, context, sealed) == f"message {message_id}".encode()
    await database.execute("DELETE FROM gateway.chat_messages WHERE tenant_id = $1", tenant.id)


async def test_large_secrets_are_read_a_few_at_a_time_and_none_is_left_out(own: Live, database: Connection) -> None:
    tenant = await new_tenant(own)
    await add_messages(database, tenant.id, 7, b"x" * 3_000_000)
    [place] = [of for of in PLACES if of.table == "gateway.chat_messages"]
    settings = DatabaseSettings(database_url=SecretStr(own.environment["DATABASE_URL"]))
    pool = await connect_pool(settings)
    try:
        store, seen = RotationStore(pool), list[SealedRow]()
        while rows := await store.after(place, seen[-1].key if seen else None):
            assert sum(len(one.value) for one in rows) < 13_000_000
            seen += rows
    finally:
        await pool.close()
    assert {one.key[-1] for one in seen if one.tenant_id == tenant.id} == set(await messages(database, tenant.id))
    assert len({one.key for one in seen}) == len(seen)
    await database.execute("DELETE FROM gateway.chat_messages WHERE tenant_id = $1", tenant.id)


async def test_what_was_altered_is_reported_and_left_and_the_others_are_rotated(
    own: Live, database: Connection
) -> None:
    tenant = await new_tenant(own)
    secrets = {f"provider-{number}": f"sk-{tenant.id}-{number}" for number in range(30)}
    await add_provider_keys(database, tenant.id, secrets)
    change = "UPDATE gateway.provider_keys SET sealed_api_key = $3 WHERE tenant_id = $1 AND provider = $2"
    whole = (await provider_keys(database, tenant.id))["provider-7"]
    altered = whole[:-8] + ("A" if whole[-8] != "A" else "B") + whole[-7:]
    await database.execute(change, tenant.id, "provider-7", altered)
    told: set[object] = set()
    await database.add_listener(REGISTRY_CHANNEL, lambda *heard: told.add(heard[-1]))
    try:
        result = await run(own, "rotate", NEW_FIRST, status=1)

        await database.execute("SELECT 1")
        assert tenant.id in told

        [found] = result["unreadable"]
        assert found["reason"] == "it was altered, or sealed for another place"
        assert (found["place"], found["tenant"], found["id"], found["kid"]) == (
            "provider_keys.sealed_api_key", tenant.id, "provider-7", "k1",
        )  # fmt: skip
        stored = await provider_keys(database, tenant.id)
        assert stored.pop("provider-7") == altered
        assert {one: opened_provider_key(tenant.id, one, stored[one]) for one in stored} == {
            one: secrets[one] for one in stored
        }

        status = await run(own, "status", NEW_FIRST, status=1)
        assert status["unreadable"] == [found]
        assert status["removable_keys"] == []
        shown = await asyncio.to_thread(with_keys(own, NEW_FIRST).command, "secrets", "status", check=False)
        assert shown.returncode == 1
        assert tenant.id in shown.stdout
        assert "provider-7" in shown.stdout
        assert f"sk-{tenant.id}" not in shown.stdout + shown.stderr + json.dumps([result, status])
    finally:
        await database.execute("DELETE FROM gateway.provider_keys WHERE tenant_id = $1", tenant.id)


async def test_a_secret_that_is_changed_while_it_is_sealed_anew_keeps_the_new_value(
    own: Live, database: Connection
) -> None:
    """The change is made and not committed when the rotation comes: it waits, sees that it came second, looks again."""
    tenant = await new_tenant(own)
    await add_provider_keys(database, tenant.id, {f"provider-{number}": "older" for number in range(10)})
    newer = seal(OLD, SealedContext(tenant.id, "provider_api_key", "provider-3"), b"newer")
    change = database.transaction()
    await change.start()
    await database.execute(
        "UPDATE gateway.provider_keys SET sealed_api_key = $2 WHERE tenant_id = $1 AND provider = 'provider-3'",
        tenant.id, newer,
    )  # fmt: skip

    process = start_rotation(own)
    try:
        await waits_for_a_lock(own)
    finally:
        await change.commit()
    result = await result_of(process)

    stored = await provider_keys(database, tenant.id)
    expected = {one: "newer" if one == "provider-3" else "older" for one in stored}
    assert {one: opened_provider_key(tenant.id, one, sealed) for one, sealed in stored.items()} == expected
    assert {one["place"]: one["resealed"] for one in result["places"]}["provider_keys.sealed_api_key"] == 10


async def waits_for_a_lock(own: Live) -> None:
    watching = await asyncpg.connect(own.environment["DATABASE_URL"])
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%provider_keys%'"
    try:
        async with asyncio.timeout(20):
            while not await watching.fetchval(waiting):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        await watching.close()


@pytest.mark.timeout(120)
async def test_keys_that_callers_change_meanwhile_keep_the_new_value(own: Live) -> None:
    tenant = await new_tenant(own)
    for number in range(12):
        model = await tenant.api.add_model(f"model-{number}", own.model_server_url, api_key="sk-first")
        tenant.keys[model] = "sk-first"
    tenant.repeatable = {}
    going_on = True

    async def change(models: list[str]) -> int:
        changes = 0
        while going_on:
            model, key = random.choice(models), f"sk-{uuid.uuid4().hex}"
            answer = await tenant.api.call("PATCH", f"/api/models/custom/{model}", {"api_key": key})
            assert answer.status == 200, answer
            tenant.keys[model], changes = key, changes + 1
        return changes

    names = list(tenant.keys)
    changing = [asyncio.create_task(change(names[number::4])) for number in range(4)]
    try:
        for keys in (NEW_FIRST, OLD_FIRST, NEW_FIRST):
            assert (await run(own, "rotate", keys))["unreadable"] == []
    finally:
        going_on = False
        changes = sum(await asyncio.gather(*changing))

    sys.stderr.write(f"{changes} keys were changed during three rotations\n")
    assert changes > 20
    await run(own, "rotate", NEW_FIRST)
    await calls_every_model(own, tenant)


@pytest.mark.timeout(300)
async def test_under_load_no_request_fails_and_then_the_new_key_alone_opens_everything(
    own: Live,
    database: Connection,
    environment: dict[str, str],
    model_server: ModelServer,
    otlp: OtlpReceiver,
) -> None:
    """The last test of this file: it starts the services again, with k2 alone."""
    tenants = [await furnished_tenant(own, database) for _ in range(_TENANTS)]
    ids = [tenant.id for tenant in tenants]
    before = await versions(database, ids)
    status = await run(own, "status", OLD_FIRST)
    assert by_key(status)["custom_models.sealed_headers"] == {"k1": _TENANTS * _MODELS_EACH}

    async with load(tenants) as answers:
        for keys in (NEW_FIRST, OLD_FIRST, NEW_FIRST):
            await asyncio.sleep(2)
            result = await run(own, "rotate", keys)
            assert result["unreadable"] == []
        await asyncio.sleep(2)

    sys.stderr.write(f"{len(answers)} requests during three rotations\n")
    assert len(answers) > 100
    assert {answer.status for answer in answers} == {200}
    assert {answer.headers["x-tallygate-attempts"] for answer in answers} == {"1"}
    # Three rotations, of two columns of the models and one of the providers: at least one change of the registry each.
    assert all(after >= before[tenant_id] + 9 for tenant_id, after in (await versions(database, ids)).items())

    status = await run(own, "status", NEW_FIRST)
    found = {place: set(keys) for place, keys in by_key(status).items()}
    assert found == {of.name: set() if "features" in of.name else {"k2"} for of in PLACES}  # nobody wished for one
    assert status["removable_keys"] == ["k1"]
    assert (await run(own, "status", NEW_ONLY))["unreadable"] == []
    assert {sealing_key_id(sealed) for sealed in (await provider_keys(database, ids[0])).values()} == {"k2"}

    await asyncio.to_thread(own.stack.down)
    alone = environment | {"TALLYGATE_KEYS": NEW_ONLY}
    again = Stack(own.stack.home.path, alone)
    await asyncio.to_thread(again.up)
    try:
        async with live(again, alone, model_server, otlp) as restarted:
            for tenant in tenants:
                tenant.api = restarted.api(tenant.api.key)
            await serves_everything(restarted, tenants)
    finally:
        await asyncio.to_thread(again.down)


async def versions(database: Connection, tenant_ids: list[str]) -> dict[str, int]:
    rows = await database.fetch(
        "SELECT tenant_id, registry_version FROM gateway.tenants WHERE tenant_id = ANY($1::text[])", tenant_ids
    )
    return {row["tenant_id"]: row["registry_version"] for row in rows}
