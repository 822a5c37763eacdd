"""How much a tenant may have stored, counted by the database."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from services.gateway.conversations.store import ConversationStore, StoredMessage
from services.gateway.feature_jobs.store import FeatureStore
from services.gateway.inference.idempotency import IdempotencyKey
from services.gateway.inference.store import KeyStore
from services.gateway.models.store import ModelStore, StoredModel
from services.gateway.quotas import Quotas
from services.gateway.tenants.changes import Change
from services.gateway.tenants.store import NewKey, TenantStore
from shared.db.pool import Pool
from shared.db.reads import Reads, ReadSettings
from shared.errors import TallygateError
from shared.events import FeatureRequested, FeatureSettled, new_id, utc_now

pytestmark = pytest.mark.real_postgres

MODEL = StoredModel(
    model_id="m", model_name="m", description="", wire_format="openai", endpoint_url="https://m.example/v1",
    sealed_api_key=None, sealed_headers=None, config={}, capabilities={}, context_window=None, max_concurrency=None,
    price=None, timeout_s=None, first_chunk_timeout_s=None, idle_timeout_s=None, weight=None, health=None,
    probe=None, is_active=True,
)  # fmt: skip


async def new_tenant(pool: Pool) -> str:
    tenant_id = f"t-{new_id()}"
    await pool.execute("INSERT INTO gateway.tenants (tenant_id, created_at) VALUES ($1, now())", tenant_id)
    return tenant_id


def change(tenant_id: str) -> Change:
    return Change(tenant_id, "k", "x", "x", {})


def _reads(pool: Pool) -> Reads:
    return Reads(pool, ReadSettings())


def _job(tenant_id: str, accepted_at: datetime) -> FeatureRequested:
    return FeatureRequested(feature_id=new_id(), tenant_id=tenant_id, sealed_input="x", accepted_at=accepted_at)


def refused(answers: Sequence[object]) -> list[TallygateError]:
    return [answer for answer in answers if isinstance(answer, TallygateError)]


async def test_of_many_who_register_models_at_once_only_so_many_succeed(pool: Pool) -> None:
    tenant_id, store = await new_tenant(pool), ModelStore(pool, _reads(pool), 3)
    until = utc_now() + timedelta(minutes=1)
    assert await store.add_model(MODEL, change(tenant_id), utc_now())
    adding = [store.add_model(MODEL._replace(model_id=f"m{n}"), change(tenant_id), utc_now()) for n in range(4)]
    drafting = [store.add_draft(tenant_id, MODEL._replace(model_id=f"d{n}"), utc_now(), until) for n in range(3)]
    answers = list(await asyncio.gather(*adding, *drafting, return_exceptions=True))
    assert (answers.count(True), len(refused(answers))) == (2, 5)
    failure = refused(answers)[0].failure
    assert (failure.http_status, failure.error_type) == (409, "invalid_request")
    assert "TALLYGATE_MAX_MODELS_PER_TENANT" in str(failure.tips)

    known = await store.model(tenant_id, "m")
    assert known is not None
    changed = MODEL._replace(description="changed")
    smaller = ModelStore(pool, _reads(pool), 1)
    assert await smaller.change_model(known, changed, change(tenant_id), utc_now()), "what is there goes on"


async def test_keys_that_are_not_revoked_are_counted(pool: Pool) -> None:
    tenant_id, store = await new_tenant(pool), TenantStore(pool, _reads(pool), 2)

    def key(number: int) -> NewKey:
        return NewKey(f"{tenant_id}-{number}", tenant_id, b"", ("inference",), "")

    adding = (store.add_key(key(number), change(tenant_id), utc_now()) for number in range(4))
    answers = list(await asyncio.gather(*adding, return_exceptions=True))
    assert (answers.count(True), len(refused(answers))) == (2, 2)
    made = [row["key_id"] for row in await store.keys(tenant_id)]
    assert await store.revoke_key(made[0], change, utc_now())
    assert await store.add_key(key(9), change(tenant_id), utc_now())
    assert await store.add_key(key(10), None, utc_now()), "the configured key is always let in"


def message(at: int, size: int = 10) -> StoredMessage:
    return StoredMessage(UUID(int=at), "user", "x" * size, None, new_id(), utc_now())


async def test_sessions_and_their_messages_are_counted(pool: Pool) -> None:
    tenant_id, store = await new_tenant(pool), ConversationStore(pool, Quotas(sessions=2, session_messages=4))
    await store.check_room(tenant_id, None)
    for session in ("a", "b"):
        await store.check_room(tenant_id, session)
        await store.add_messages(tenant_id, session, [message(1), message(2)])
    with pytest.raises(TallygateError, match="2 chat sessions") as caught:
        await store.check_room(tenant_id, "c")
    assert "sessionId=a" in str(caught.value.failure.tips), "the oldest is named, for there is no list of them"
    with pytest.raises(TallygateError, match="2 chat sessions"):
        await store.check_room(tenant_id, None)

    await store.check_room(tenant_id, "a")
    await store.add_messages(tenant_id, "a", [message(3), message(4)])
    with pytest.raises(TallygateError, match="4 messages"):
        await store.check_room(tenant_id, "a")
    assert await store.forget_history(tenant_id, "a") == 4
    await store.check_room(tenant_id, "c")

    await store.add_messages(tenant_id, "b", [message(5, 17_000_000)])
    with pytest.raises(TallygateError, match="payload_too_large"):
        await ConversationStore(pool, Quotas()).check_room(tenant_id, "b")


async def test_idempotency_keys_are_counted_and_known_ones_are_found(pool: Pool) -> None:
    tenant_id, store = await new_tenant(pool), KeyStore(pool, 2)

    def key(text: str) -> IdempotencyKey:
        return IdempotencyKey(tenant_id, "/v1", text, b"")

    ids = [(await store.claim_key(key(text), new_id(), utc_now())).id for text in ("a", "b")]
    for counting in (store, KeyStore(pool, 2)):  # and another gateway, which counts them
        with pytest.raises(TallygateError, match="too_many_requests"):
            await counting.claim_key(key("c"), new_id(), utc_now())
        assert (await counting.claim_key(key("a"), new_id(), utc_now())).id == ids[0]
    await KeyStore(pool, 3).claim_key(key("c"), new_id(), utc_now())


async def test_open_jobs_are_counted(pool: Pool) -> None:
    tenant_id, store, now = await new_tenant(pool), FeatureStore(pool, _reads(pool)), utc_now()
    for number in range(3):
        await store.accept(_job(tenant_id, now - timedelta(days=number)))
    assert await store.open_jobs(tenant_id, now) == 2, "what is days past its deadline is none"


async def test_a_job_that_nobody_has_settled_is_overdue_until_somebody_has(pool: Pool) -> None:
    tenant_id, store, now = await new_tenant(pool), FeatureStore(pool, _reads(pool)), utc_now()
    old, young = _job(tenant_id, now - timedelta(days=1)), _job(tenant_id, now)
    for job in (old, young):
        await store.accept(job)
    [overdue] = [job for job in await store.overdue(now, 1000) if job.tenant_id == tenant_id]
    assert (overdue.feature_id, overdue.delivery, overdue.accepted_at) == (old.feature_id, 1, old.accepted_at)
    settled = FeatureSettled(
        feature_id=old.feature_id, tenant_id=tenant_id, settlement="expired", generator="llm", accepted_at=now,
        settled_at=now, duration_s=0.0, reported_by="somebody",
    )  # fmt: skip
    await store.keep([settled])
    assert not [job for job in await store.overdue(now, 1000) if job.tenant_id == tenant_id]
