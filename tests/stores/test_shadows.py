"""Copies for models on trial stand in the books apart: in no figure of the tenant's, and beside their requests."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from services.monitor.cursors import Place
from services.monitor.errors.store import ErrorStore
from services.monitor.lists.filters import Filters
from services.monitor.lists.store import ListStore
from services.monitor.reading.store import Span
from services.monitor.rollups.slices.store import Part
from services.monitor.rollups.steps import MINUTE, end
from services.monitor.rollups.store import RollupStore
from services.monitor.shadows.compared import told
from services.monitor.shadows.store import ShadowStore
from services.monitor.summary.store import SummaryStore
from shared.db.pool import Pool
from shared.db.reads import Reads, ReadSettings
from shared.errors import failure
from shared.events import InferenceEvent, new_id
from tests.stores.lives import NOW, sum_up
from tests.unit.shared.events.samples import ended, settled, started

pytestmark = pytest.mark.real_postgres

SPAN_S = timedelta(hours=1)


def asked(tenant: str, model: str, duration_s: float, **more: Any) -> tuple[UUID, list[InferenceEvent]]:
    """An inference of one call, which succeeded unless an error type is given."""
    ids: dict[str, Any] = {"inference_id": more.pop("inference_id", None) or new_id(), "tenant_id": tenant}
    first_chunk_s = more.pop("first_chunk_s", None)
    call = {"attempt_id": new_id(), "model": model, "api_key_id": more.get("api_key_id", "k1")}
    error = failure(more.pop("error_type"), "it broke") if "error_type" in more else None
    outcome: dict[str, Any] = (
        {"outcome": "failed", "error": error} if error else {"outcome": "succeeded", "error": None}
    )
    settlement: dict[str, Any] = {"settlement": "failed" if error else "completed", "error": error}
    last = ended(
        **ids, **call, **outcome, event_id=new_id(), cost_usd=duration_s, input_tokens=10, output_tokens=5,
        ended_at=NOW, duration_s=duration_s, streamed=first_chunk_s is not None, first_chunk_s=first_chunk_s,
    )  # fmt: skip
    end_of_all = settled(
        **ids, **({"api_key_id": "k1"} | more), **settlement, event_id=new_id(), settled_at=NOW, first_model=model,
        model_served=None if error else model, duration_s=duration_s, attempts=1, model_requested=model,
    )  # fmt: skip
    return ids["inference_id"], [started(**ids, **call, event_id=new_id()), last, end_of_all]


def pair(tenant: str, seconds: float, shadow_seconds: float, **more: Any) -> list[InferenceEvent]:
    inference_id, request = asked(tenant, "custom:old", seconds)
    return [*request, *copy(tenant, inference_id, shadow_seconds, **more)]


def copy(tenant: str, inference_id: UUID, seconds: float, **more: Any) -> list[InferenceEvent]:
    tags = {"shadow_of": str(inference_id)}
    return asked(tenant, "custom:new", seconds, api_key_id="shadow", tags=tags, **more)[1]


async def figures(pool: Pool, tenant: str) -> Mapping[str, Any]:
    """All that people are told of a tenant: sums, errors, lists, and what was spent."""
    reads, span = Reads(pool, ReadSettings()), Span(tenant, NOW - SPAN_S, end(NOW, "minute"))
    summary = await SummaryStore(reads).summary(span, 20)
    errors = await ErrorStore(reads).read(span, None, 20)
    lists, newest = ListStore(reads), Place(span.until, UUID(int=2**128 - 1))
    inferences = await lists.inferences(tenant, span.since, newest, Filters(), 100)
    attempts = await lists.attempts(tenant, span.since, newest, 100)
    return {
        "requests": summary.requests, "attempts": summary.attempts, "errors": [row["error"] for row in summary.errors],
        "groups": errors.total, "listed": len(inferences.settled), "calls": len(attempts.settled),
    }  # fmt: skip


@pytest.mark.parametrize("then", ["fresh", "summed up"])
async def test_copies_are_in_no_figure_of_the_tenant(pool: Pool, then: str) -> None:
    tenant, alone = f"tenant-{new_id()}", f"tenant-{new_id()}"
    _, request = asked(tenant, "custom:old", 1.0)
    await BookStore(pool).book(fold([*request, *asked(alone, "custom:old", 1.0)[1]]), NOW)
    inference_id = request[0].inference_id
    copies = [*copy(tenant, inference_id, 9.0), *copy(tenant, inference_id, 9.0, error_type="server_error")]
    await BookStore(pool).book(fold(copies), NOW)
    if then == "summed up":
        await sum_up(pool, "all that is over")

    assert await figures(pool, tenant) == await figures(pool, alone)

    async with RollupStore(pool).turn() as turn:
        assert turn is not None
        await turn.spending.sum_up_days({(tenant, NOW.date()), (alone, NOW.date())})
        spent = {row["tenant_id"]: row["usd_day"] for row in await turn.spending.spent([tenant, alone], NOW.date())}
    assert spent.get(tenant) == spent.get(alone)

    reads = Reads(pool, ReadSettings())
    newest = Place(end(NOW, "minute"), UUID(int=2**128 - 1))
    found = await ListStore(reads).inferences(tenant, NOW - SPAN_S, newest, Filters(key="shadow"), 100)
    assert len(found.settled) == 2, "who asks for them sees them"


async def test_what_copies_cost_is_told_to_who_has_a_budget_for_them(pool: Pool) -> None:
    tenant, without = f"tenant-{new_id()}", f"tenant-{new_id()}"
    for one, terms in ((tenant, {"shadow_usd_per_day": 1.0}), (without, {})):
        await pool.execute(
            "INSERT INTO gateway.tenants (tenant_id, terms, created_at) VALUES ($1, $2, now())", one, terms
        )
        _, request = asked(one, "custom:old", 1.0)
        await BookStore(pool).book(fold([*request, *copy(one, request[0].inference_id, 1.0)]), NOW)
    minutes = {Part(one, end(NOW, "minute") - MINUTE) for one in (tenant, without)}
    async with RollupStore(pool).turn() as turn:
        assert turn is not None
        assert await turn.spending.sum_up_shadows(minutes) == {tenant}
        assert await turn.spending.sum_up_shadows(minutes) == set(), "nothing has changed"
        await turn.spending.sum_up_days({(one, NOW.date()) for one in (tenant, without)})
        spent = {row["tenant_id"]: row for row in await turn.spending.spent([tenant, without], NOW.date())}
    assert spent[tenant]["shadow_usd_day"] == 1.0
    assert spent[without]["shadow_usd_day"] == 0


async def test_copies_are_compared_with_their_requests(pool: Pool) -> None:
    tenant, other = f"tenant-{new_id()}", f"tenant-{new_id()}"
    events = [event for seconds in (1.0, 2.0, 4.0) for event in pair(tenant, seconds, 2 * seconds)]
    events += pair(tenant, 1.0, 0.5, error_type="rate_limited")
    events += copy(tenant, new_id(), 1.0)  # of what the books do not have
    [*strange] = asked(tenant, "custom:new", 1.0, api_key_id="shadow", tags={"shadow_of": "x"})[1]
    refused = copy(tenant, new_id(), 0.0, error_type="too_many_requests")[-1]
    events.append(refused.model_copy(update={"settlement": "rejected"}))
    foreign, of_other = asked(other, "custom:old", 1.0)
    await BookStore(pool).book(fold([*events, *strange, *of_other, *copy(tenant, foreign, 1.0)]), NOW)
    store, span = ShadowStore(Reads(pool, ReadSettings())), Span(tenant, NOW - SPAN_S, end(NOW, "minute"))

    compared = await store.read(span)

    assert (compared.since, compared.not_made) == (span.since, 1)
    [group] = told(compared.rows)
    assert (group["model"], group["shadow_model"], group["pairs"]) == ("custom:old", "custom:new", 4)
    original, shadow = group["original"], group["shadow"]
    assert (original["completed"], original["failed"], original["by_error_type"]) == (4, 0, {})
    assert (shadow["completed"], shadow["failed"], shadow["by_error_type"]) == (3, 1, {"rate_limited": 1})
    assert (original["average_s"], shadow["average_s"]) == (2.0, pytest.approx(14 / 3))
    assert (original["cost_usd"], shadow["cost_usd"]) == (8.0, 14.5)
    assert (original["output_tokens"], shadow["output_tokens"]) == (20, 20)
    assert shadow["p50_s"] == pytest.approx(4.0, rel=0.05)
    assert told((await store.read(span._replace(tenant_id=other))).rows) == []


async def test_first_chunks_are_compared_of_pairs_of_which_both_were_streamed(pool: Pool) -> None:
    tenant = f"tenant-{new_id()}"
    streamed, request = asked(tenant, "custom:old", 2.0, first_chunk_s=0.8)
    plain_copy, other_request = asked(tenant, "custom:old", 2.0, first_chunk_s=1.9)
    events = [*request, *copy(tenant, streamed, 2.0, first_chunk_s=0.2)]
    events += [*other_request, *copy(tenant, plain_copy, 2.0), *pair(tenant, 2.0, 2.0, first_chunk_s=1.9)]
    await BookStore(pool).book(fold(events), NOW)

    compared = await ShadowStore(Reads(pool, ReadSettings())).read(Span(tenant, NOW - SPAN_S, end(NOW, "minute")))

    [group] = told(compared.rows)
    assert group["pairs"] == 3
    for side, first_chunk_s in (("original", 0.8), ("shadow", 0.2)):
        for name in ("first_chunk_p50_s", "first_chunk_p95_s"):
            assert group[side][name] == pytest.approx(first_chunk_s, rel=0.05)


async def test_what_a_read_looks_at_is_bounded_and_said(pool: Pool) -> None:
    tenant = f"tenant-{new_id()}"
    await BookStore(pool).book(fold([event for _ in range(5) for event in pair(tenant, 1.0, 1.0)]), NOW)
    span = Span(tenant, NOW - SPAN_S, end(NOW, "minute"))

    compared = await ShadowStore(Reads(pool, ReadSettings()), share=4).read(span)

    assert compared.since == NOW
    assert sum(row["pairs"] for row in compared.rows) <= 4
