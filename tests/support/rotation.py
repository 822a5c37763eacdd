"""What tests of the rotation share: a key ring before and after, secrets at rest, and ways to rotate them."""

import asyncio
import hashlib
import json
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from services.__main__ import SEALED_PLACES
from services.rotation.report import rotation_as_json, status_as_json
from services.rotation.rotation import run_inventory, run_rotation
from shared.client import Answer
from shared.crypto import KeyRing, SealedContext, open_sealed, seal
from shared.crypto.keys import new_key
from shared.crypto.places import SealedPlace
from shared.db import DatabaseSettings, connect_pool
from shared.db.pool import Connection, Pool
from shared.events import new_id
from tests.support.live import Api, Live

K1, K2 = new_key("k1"), new_key("k2")
OLD_FIRST, NEW_FIRST, NEW_ONLY = f"{K1},{K2}", f"{K2},{K1}", K2
OLD = KeyRing.parse(OLD_FIRST)
MESSAGES = "chat_messages.sealed_content"

_NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
_WAIT_S = 60.0


class Tenant:
    """A tenant, its models with the key of each, one keyed request that was answered, a response that is kept, one that
    nobody waited for, a file, and a batch of which no line ends by itself."""

    def __init__(self, api: Api, tenant_id: str) -> None:
        self.api = api
        self.id = tenant_id
        self.keys: dict[str, str] = {}
        self.repeatable = {"idempotency-key": str(uuid.uuid4())}
        self.answer: Answer | None = None
        self.kept_response = ""
        self.later_response = ""
        self.file = ""
        self.batch = ""


async def new_tenant(own: Live) -> Tenant:
    tenant_id = f"t-{uuid.uuid4().hex[:12]}"
    answer = await own.admin.post("/api/keys", {"tenant": tenant_id})
    return Tenant(own.api(answer.body["key"]), tenant_id)


# As an operator runs it


def with_keys(own: Live, keys: str) -> Live:
    return replace(own, environment=own.environment | {"TALLYGATE_KEYS": keys})


async def run(own: Live, command: str, keys: str, *, status: int = 0) -> dict[str, Any]:
    """`tallygate secrets <command> --json` with this key ring."""
    arguments = ("secrets", command, "--json")
    done = await with_keys(own, keys).command(*arguments, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def start_rotation(own: Live) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "services", "secrets", "rotate", "--json"],
        env=own.environment | {"TALLYGATE_KEYS": NEW_FIRST}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


async def result_of(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    out, err = await asyncio.to_thread(process.communicate, timeout=_WAIT_S)
    assert process.returncode == 0, out + err
    result: dict[str, Any] = json.loads(out)
    return result


# The same without a process, of which the start takes longer than the work


def unseen(of: SealedPlace, looked_at: int, total: int) -> None:
    """Nobody looks how far it is."""


async def status_of(own: Live, keys: str) -> dict[str, Any]:
    """What `tallygate secrets status --json` tells."""
    ring = KeyRing.parse(keys)
    return status_as_json(ring, SEALED_PLACES, await run_inventory(_database(own), ring, SEALED_PLACES, unseen))


async def rotate_within(own: Live, keys: str) -> dict[str, Any]:
    """What `tallygate secrets rotate --json` does and tells."""
    ring = KeyRing.parse(keys)
    return rotation_as_json(ring, SEALED_PLACES, await run_rotation(_database(own), ring, SEALED_PLACES, unseen))


@asynccontextmanager
async def opened_pool(own: Live) -> AsyncIterator[Pool]:
    pool = await connect_pool(_database(own))
    try:
        yield pool
    finally:
        await pool.close()


def _database(own: Live) -> DatabaseSettings:
    return DatabaseSettings(database_url=SecretStr(own.environment["DATABASE_URL"]))


def by_key(status: dict[str, Any]) -> dict[str, dict[str | None, int]]:
    return {found["place"]: {key["kid"]: key["secrets"] for key in found["keys"]} for found in status["places"]}


# Secrets at rest, as the gateway would have stored them under k1


async def add_provider_keys(database: Connection, tenant_id: str, secrets: dict[str, str]) -> None:
    rows = [
        (tenant_id, provider, seal(OLD, SealedContext(tenant_id, "provider_api_key", provider), secret.encode()), _NOW)
        for provider, secret in secrets.items()
    ]
    await database.executemany("INSERT INTO gateway.provider_keys VALUES ($1, $2, $3, $4, $4)", rows)


async def provider_keys(database: Connection, tenant_id: str) -> dict[str, str]:
    """Sealed, as they are stored."""
    rows = await database.fetch(
        "SELECT provider, sealed_api_key FROM gateway.provider_keys WHERE tenant_id = $1", tenant_id
    )
    return {row["provider"]: row["sealed_api_key"] for row in rows}


def opened_provider_keys(tenant_id: str, sealed: dict[str, str]) -> dict[str, str]:
    """With the new key alone."""
    ring = KeyRing.parse(NEW_ONLY)
    return {
        provider: open_sealed(ring, SealedContext(tenant_id, "provider_api_key", provider), text).decode()
        for provider, text in sealed.items()
    }


async def delete_provider_keys(database: Connection, tenant_id: str) -> None:
    await database.execute("DELETE FROM gateway.provider_keys WHERE tenant_id = $1", tenant_id)


async def add_messages(database: Connection, tenant_id: str, count: int, padding: bytes = b"") -> None:
    rows = []
    for _ in range(count):
        message_id = new_id()
        context = SealedContext(tenant_id, "chat/many", str(message_id))
        sealed = seal(OLD, context, f"message {message_id}".encode() + padding)
        rows.append((tenant_id, "many", message_id, "user", sealed, None, new_id(), _NOW))
    await database.copy_records_to_table("chat_messages", schema_name="gateway", records=rows)


async def messages(database: Connection, tenant_id: str) -> dict[uuid.UUID, str]:
    """Sealed, as they are stored."""
    rows = await database.fetch(
        "SELECT message_id, sealed_content FROM gateway.chat_messages WHERE tenant_id = $1 AND session_id = 'many'",
        tenant_id,
    )
    return {row["message_id"]: row["sealed_content"] for row in rows}


async def delete_messages(database: Connection, tenant_id: str) -> None:
    await database.execute("DELETE FROM gateway.chat_messages WHERE tenant_id = $1", tenant_id)


# What shows at the endpoint


async def calls_every_model(own: Live, tenants: list[Tenant]) -> None:
    """Each with the key that is its own, as the endpoint has seen it."""
    wanted = [(tenant, model, key) for tenant in tenants for model, key in tenant.keys.items()]
    attempts = await asyncio.gather(*(_attempt(tenant, model) for tenant, model, _ in wanted))
    keys = {attempt: _fingerprint(key) for attempt, (_, _, key) in zip(attempts, wanted, strict=True)}
    entries = (await own.model_server.ledger())["entries"]
    assert {call["request_id"]: call["key_fingerprint"] for call in entries if call["request_id"] in keys} == keys


async def _attempt(tenant: Tenant, model: str) -> str:
    """The id of the one call that was made."""
    answer = await tenant.api.chat(model)
    assert answer.status == 200, answer
    timeline = await tenant.api.settled(answer.headers["x-tallygate-inference-id"])
    return str(timeline["attempts"][0]["attempt_id"])


def _fingerprint(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:12]
