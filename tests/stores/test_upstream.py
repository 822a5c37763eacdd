"""Requests by Kafka in the database: each once, told when their results are stored, by one gateway at a time."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.gateway.background.store import BackgroundStore
from services.gateway.ingress.store import Known, New, Refused, ReplyKeyStore, UpstreamStore
from services.gateway.tenants.changes import Change
from shared.db.pool import Pool
from shared.errors import TallygateError
from shared.events import new_id
from shared.inferences import InferenceStore
from shared.inferences.store import StoredResult
from tests.stores.test_quotas import new_tenant
from tests.unit.shared.events.samples import NOW

pytestmark = pytest.mark.real_postgres

_HOUR, _LEASE = timedelta(hours=1), timedelta(seconds=60)


def new(tenant_id: str, inference_id: UUID | None = None, **more: Any) -> New:
    made = New(
        inference_id=inference_id or new_id(), tenant_id=tenant_id, operation="chat", accepted_at=NOW,
        deadline_at=NOW + _HOUR, kept_s=600.0, sha256=b"asked", reply_topic="replies.acme", reply_key_id=None,
        public_key=None, trace_context=None, sealed_request=None,
    )  # fmt: skip
    return made._replace(**more)


async def stored(pool: Pool, store: UpstreamStore, one: New, at: datetime = NOW) -> bool:
    result = StoredResult(one.inference_id, one.tenant_id, "t", b"answer")
    await InferenceStore(pool).add_results([result], at, at + _HOUR)
    return await store.due([one.inference_id], at)


async def due_of(store: UpstreamStore, one: New, now: datetime) -> bool:
    """Takes all that is due then: rows of other tests too."""
    return one.inference_id in {each.inference_id for each in await store.take(now, _LEASE, 1000)}


async def test_a_request_is_added_once_with_its_background_inference(pool: Pool) -> None:
    tenant_id, store, background = await new_tenant(pool), UpstreamStore(pool), BackgroundStore(pool, 10)
    one, nobodys = new(tenant_id), new("nobody-at-all")
    assert await store.add([one, one, nobodys], NOW) == {one.inference_id}
    assert await store.add([one], NOW) == set()
    assert await store.known([one.inference_id, nobodys.inference_id]) == {
        one.inference_id: Known(tenant_id, b"asked", "replies.acme", ended=False)
    }
    assert await store.open_of(tenant_id, NOW, 10) == 1
    kept = await background.kept(tenant_id, one.inference_id)
    assert kept is not None
    assert (kept.operation, kept.deadline_at) == ("chat", NOW + _HOUR)

    await stored(pool, store, one)
    assert (await store.known([one.inference_id]))[one.inference_id].ended
    assert await store.open_of(tenant_id, NOW, 10) == 0
    assert await background.delete(tenant_id, one.inference_id)
    assert (await store.known([one.inference_id]))[one.inference_id].ended


async def test_the_id_of_another_tenants_inference_is_not_added(pool: Pool) -> None:
    mine, theirs, store = await new_tenant(pool), await new_tenant(pool), UpstreamStore(pool)
    one = new(theirs)
    await store.add([one], NOW)
    await pool.execute("DELETE FROM gateway.upstream WHERE reply_id = $1", one.inference_id)  # as one over HTTP
    assert await store.add([new(mine, one.inference_id)], NOW) == set()


async def test_a_stored_result_is_told_by_one_at_a_time_until_it_is_told(pool: Pool) -> None:
    store, now = UpstreamStore(pool), NOW + timedelta(days=1)
    one = new(await new_tenant(pool))
    await store.add([one], NOW)
    assert not await due_of(store, one, now)  # there is nothing to be told
    assert await stored(pool, store, one)
    assert await due_of(store, one, now)
    assert not await due_of(store, one, now + _LEASE / 2)  # another gateway has it
    assert await due_of(store, one, now + 2 * _LEASE)  # which died

    await store.put_off([one.inference_id], "replies.acme", now + 10 * _LEASE)
    assert not await due_of(store, one, now + 9 * _LEASE)
    taken = {each.inference_id: each for each in await store.take(now + 10 * _LEASE, _LEASE, 1000)}
    assert taken[one.inference_id].failures == 1

    await store.told([one.inference_id], now)
    assert not await stored(pool, store, one)  # as the record of the result comes again
    assert not await due_of(store, one, now + timedelta(days=10))


async def test_nothing_is_told_where_nobody_is_to_be_told(pool: Pool) -> None:
    store = UpstreamStore(pool)
    one = new(await new_tenant(pool), reply_topic=None)
    await store.add([one], NOW)
    assert not await stored(pool, store, one)


async def test_what_else_is_due_for_a_topic_that_fails_is_left_alone_with_it(pool: Pool) -> None:
    tenant_id, store, now = await new_tenant(pool), UpstreamStore(pool), NOW + timedelta(days=20)
    one, two, other = (new(tenant_id, reply_topic=topic) for topic in ("replies.bad", "replies.bad", "replies.good"))
    await store.add([one, two, other], NOW)
    for each in (one, two, other):
        await stored(pool, store, each, now)
    await store.put_off([one.inference_id], "replies.bad", now + _LEASE)
    taken = {each.inference_id for each in await store.take(now + _LEASE / 2, _LEASE, 1000)}
    assert taken & {one.inference_id, two.inference_id, other.inference_id} == {other.inference_id}


async def test_a_refusal_is_due_at_once_and_kept_for_a_day(pool: Pool) -> None:
    store, now, reply_id = UpstreamStore(pool), NOW + timedelta(days=30), new_id()
    await store.refuse([Refused(reply_id, new_id(), "acme", "replies.acme", None, b"{}")] * 2, now)
    assert [each.refusal for each in await store.take(now, _LEASE, 1000) if each.reply_id == reply_id] == [b"{}"]
    assert (await store.known([reply_id]))[reply_id].sha256 is None
    await store.forget(now + timedelta(hours=23), 1000)
    assert await store.known([reply_id])
    assert await store.forget(now + timedelta(hours=25), 1000)
    assert not await store.known([reply_id])


async def test_of_what_is_due_each_tenant_has_its_turn(pool: Pool) -> None:
    """Whatever other tests have left here is due later."""
    store, now = UpstreamStore(pool), NOW - timedelta(days=40)
    flood = [Refused(new_id(), new_id(), "a-flood", "replies.a", None, b"{}") for _ in range(20)]
    await store.refuse(flood, now)
    await store.refuse([quiet := Refused(new_id(), new_id(), "quiet", "replies.q", None, b"{}")], now + _LEASE)
    taken = await store.take(now + 2 * _LEASE, _LEASE, 4)
    assert len(taken) == 4
    assert quiet.reply_id in {each.reply_id for each in taken}


async def test_keys_are_their_tenants_and_so_many(pool: Pool) -> None:
    mine, theirs, store = await new_tenant(pool), await new_tenant(pool), ReplyKeyStore(pool, 2)
    change = Change(mine, "k", "reply_key.added", "k1", {})
    assert await store.add("k1", b"1" * 32, change, NOW)
    assert not await store.add("k1", b"2" * 32, change, NOW)
    assert await store.key(mine, "k1") == b"1" * 32
    assert await store.key(theirs, "k1") is None
    assert await store.add("k2", b"2" * 32, change, NOW)
    with pytest.raises(TallygateError, match="2 is the limit"):
        await store.add("k3", b"3" * 32, change, NOW)
    assert not await store.remove("k1", Change(theirs, "k", "reply_key.removed", "k1", {}))
    assert await store.remove("k1", change)
    assert [row["reply_key_id"] for row in await store.keys(mine)] == ["k2"]
