"""Background inferences and their results in the database: how many may be open, and for how long each is kept."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.gateway.background.shown import listed_background
from services.gateway.background.store import Accepted, BackgroundStore
from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from shared.db.pool import Pool
from shared.errors import TallygateError, failure
from shared.events import ReplyCompleted, ReplyFailed, new_id
from shared.inferences import InferenceStore
from shared.inferences.store import StoredResult
from tests.stores.test_quotas import new_tenant
from tests.unit.shared.events.samples import NOW, settled

pytestmark = pytest.mark.real_postgres

_HOUR = timedelta(hours=1)
_KEPT_S = 600.0


def accepted(tenant_id: str, inference_id: UUID | None = None, accepted_at: datetime = NOW) -> Accepted:
    return Accepted(
        inference_id=inference_id or new_id(), tenant_id=tenant_id, operation="chat", streamed=False,
        sealed_request=None, accepted_at=accepted_at, deadline_at=accepted_at + _HOUR,
    )  # fmt: skip


async def stored(pool: Pool, tenant_id: str, *inference_ids: UUID, now: datetime = NOW) -> None:
    results = [StoredResult(inference_id, tenant_id, "t", b"answer") for inference_id in inference_ids]
    await InferenceStore(pool).add_results(results, now, now + _HOUR)


async def test_only_so_many_are_open_and_those_that_ended_or_are_overdue_are_not(pool: Pool) -> None:
    tenant_id, store = await new_tenant(pool), BackgroundStore(pool, 2)
    first = accepted(tenant_id)
    await store.add(first, _KEPT_S)
    await store.add(accepted(tenant_id, accepted_at=NOW - timedelta(minutes=59)), _KEPT_S)
    with pytest.raises(TallygateError, match="2 open background inferences"):
        await store.add(accepted(tenant_id), _KEPT_S)
    await store.add(first, _KEPT_S)  # it is there already
    await store.add(accepted(await new_tenant(pool)), _KEPT_S)  # another tenant's count is its own

    await stored(pool, tenant_id, first.inference_id)
    await store.add(accepted(tenant_id), _KEPT_S)
    await store.add(accepted(tenant_id, accepted_at=NOW + timedelta(minutes=2)), _KEPT_S)


async def test_a_result_ends_its_inference_is_its_tenants_and_is_kept_as_long_as_was_said(pool: Pool) -> None:
    tenant_id, store, other = await new_tenant(pool), BackgroundStore(pool, 10), new_id()
    mine = accepted(tenant_id)
    await store.add(mine, _KEPT_S)
    later = NOW + timedelta(minutes=30)
    await stored(pool, tenant_id, mine.inference_id, other, now=later)
    await stored(pool, tenant_id, mine.inference_id, now=later + timedelta(minutes=1))  # a late word

    kept = await store.kept(tenant_id, mine.inference_id)
    assert kept is not None
    assert kept.result == StoredResult(mine.inference_id, tenant_id, "t", b"answer")
    assert (kept.ended_at, kept.kept_until) == (later, later + timedelta(seconds=_KEPT_S))
    assert await store.kept(await new_tenant(pool), mine.inference_id) is None
    assert await store.kept(tenant_id, other) is None  # it was not asked for in the background

    await InferenceStore(pool).forget_results(kept.kept_until + timedelta(seconds=1), 1000)
    assert [result.inference_id for result in await InferenceStore(pool).results([mine.inference_id, other])] == [other]
    await store.forget(kept.kept_until, 1000)
    assert await store.kept(tenant_id, mine.inference_id) is not None
    await store.forget(kept.kept_until + timedelta(seconds=1), 1000)
    assert await store.kept(tenant_id, mine.inference_id) is None


@pytest.mark.parametrize("settlement", ["completed", "expired"])
async def test_of_an_answer_and_a_failure_the_one_is_told_that_the_books_have(pool: Pool, settlement: str) -> None:
    tenant_id, store, results = await new_tenant(pool), BackgroundStore(pool, 10), InferenceStore(pool)
    mine = accepted(tenant_id)
    await store.add(mine, _KEPT_S)
    for minutes, ce_type in enumerate((ReplyFailed.ce_type, ReplyCompleted.ce_type)):
        one = StoredResult(mine.inference_id, tenant_id, ce_type, ce_type.encode())
        await results.add_results([one], NOW + timedelta(minutes=minutes), NOW + _HOUR)

    async def told() -> set[str]:
        kept = await store.kept(tenant_id, mine.inference_id)
        [row] = await store.page(tenant_id, None, None, 10)
        [result] = await results.results([mine.inference_id])
        assert kept is not None
        assert kept.result == result
        return {result.ce_type, row["ce_type"]}

    assert await told() == {ReplyFailed.ce_type}  # the first one, while the books say nothing
    said = settled(inference_id=mine.inference_id, tenant_id=tenant_id, event_id=new_id(), settlement=settlement)
    await BookStore(pool).book(fold([said]), NOW)
    assert await told() == {(ReplyCompleted if settlement == "completed" else ReplyFailed).ce_type}


async def test_another_tenants_word_about_an_inference_does_not_end_it(pool: Pool) -> None:
    tenant_id, stranger, store = await new_tenant(pool), await new_tenant(pool), BackgroundStore(pool, 10)
    mine = accepted(tenant_id)
    await store.add(mine, _KEPT_S)
    await stored(pool, stranger, mine.inference_id)
    kept = await store.kept(tenant_id, mine.inference_id)
    assert kept is not None
    assert (kept.ended_at, kept.result) == (None, None)


async def test_what_is_deleted_takes_its_result_along(pool: Pool) -> None:
    tenant_id, store = await new_tenant(pool), BackgroundStore(pool, 10)
    mine = accepted(tenant_id)
    await store.add(mine, _KEPT_S)
    await stored(pool, tenant_id, mine.inference_id)
    assert not await store.delete(await new_tenant(pool), mine.inference_id)
    assert await store.delete(tenant_id, mine.inference_id)
    assert await InferenceStore(pool).results([mine.inference_id]) == []
    assert not await store.delete(tenant_id, mine.inference_id)


async def test_they_are_listed_page_by_page_with_how_they_ended_and_never_to_others(pool: Pool) -> None:
    tenant_id, store = await new_tenant(pool), BackgroundStore(pool, 10)
    mine = [accepted(tenant_id) for _ in range(3)]
    for one in (*mine, accepted(await new_tenant(pool))):
        await store.add(one, _KEPT_S)
    answered, refused, still_open = (one.inference_id for one in mine)
    error = failure("read_timeout", "the model did not answer")
    reply = ReplyFailed(inference_id=refused, tenant_id=tenant_id, settlement="failed", error=error)
    results = [
        StoredResult(answered, tenant_id, ReplyCompleted.ce_type, b"sealed"),
        StoredResult(refused, tenant_id, ReplyFailed.ce_type, reply.encoded()),
    ]
    await InferenceStore(pool).add_results(results, NOW, NOW + _HOUR)

    async def told(before: UUID | None = None, *, is_open: bool | None = None, most: int = 10) -> list[tuple[Any, ...]]:
        shown = map(listed_background, await store.page(tenant_id, before, is_open, most))
        return [(one["inference_id"], one["state"], one["error_type"]) for one in shown]

    newest, second, oldest = await told()
    assert newest == (str(still_open), "open", None)
    assert second == (str(refused), "failed", "read_timeout")
    assert oldest == (str(answered), "completed", None)
    assert await told(still_open, most=1) == [second]
    assert await told(is_open=True) == [newest]
    assert await told(is_open=False) == [second, oldest]
