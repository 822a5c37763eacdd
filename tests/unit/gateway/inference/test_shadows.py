"""Copies of requests for a model on trial: which, under which id, and never in the way."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.gateway.inference.shadows import Shadows, copy_of, is_copied, shadow_id
from shared.crypto import SealedContext, open_sealed
from shared.events import InferenceRequested, RoutingOptions, TenantSpent, new_id, utc_now
from shared.inferences import Inferences, Order, Pending, Results
from tests.unit.shared.inferences.fakes import RING, Broker, Table
from tests.unit.shared.selection.values import model, tenant

NOW = utc_now()
BODY = b'{"model": "custom:m", "messages": [{"role": "user", "content": "hi"}]}'
ORDER = Order(
    tenant_id="acme", body=BODY, model="custom:m", options=RoutingOptions(policy="fastest"), accepted_at=NOW,
    deadline_at=NOW + timedelta(seconds=30), api_key_id="k1", session="run-42", tags={"team": "search"},
    traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01",
)  # fmt: skip


def copied_of(order: Order, ids: list[UUID], share: float) -> set[UUID]:
    return {inference_id for inference_id in ids if is_copied(order, inference_id, "custom:new", share)}


def test_a_share_is_copied_and_of_a_larger_share_the_same_and_more() -> None:
    ids = [new_id() for _ in range(4000)]
    tenth, half = copied_of(ORDER, ids, 0.1), copied_of(ORDER, ids, 0.5)
    assert tenth < half
    assert 300 < len(tenth) < 500
    assert copied_of(ORDER, ids, 0.1) == tenth, "whoever asks"
    assert copied_of(ORDER, ids, 1.0) == set(ids)
    assert copied_of(ORDER, ids, 0.0) == set()


@pytest.mark.parametrize(
    "other",
    [
        {"operation": "embeddings"}, {"operation": "count_tokens"}, {"model": "custom:new"},
        {"options": RoutingOptions(allow_inactive=True)},
    ],
    ids=["embeddings", "count_tokens", "itself", "test"],
)  # fmt: skip
def test_what_is_no_chat_of_a_caller_for_another_model_is_not_copied(other: dict[str, Any]) -> None:
    assert not is_copied(replace(ORDER, **other), new_id(), "custom:new", 1.0)


def test_a_copys_id_is_always_the_same_and_lies_on_the_day_of_its_request() -> None:
    inference_id = new_id()
    copied = shadow_id(inference_id)
    assert copied == shadow_id(inference_id) != shadow_id(new_id())
    assert (copied.version, copied.variant, copied.bytes[:6]) == (7, inference_id.variant, inference_id.bytes[:6])
    assert copied != inference_id


def test_a_copy_is_of_no_caller() -> None:
    inference_id = new_id()
    copied = copy_of(ORDER, inference_id, "custom:new")
    assert (copied.model, copied.api_key_id, copied.session, copied.traceparent) == ("custom:new", "shadow", None, None)
    assert copied.options == RoutingOptions(no_fallback=True)
    assert copied.tags == {"shadow_of": str(inference_id)}


class Bench:
    def __init__(self, spent: TenantSpent | None = None, **terms: Any) -> None:
        self.broker, pending = Broker(), Pending()
        inferences = Inferences(self.broker, pending, Results(Table(), pending), RING, 7, 0.0)
        models = tenant(model(id="custom:m"), model(id="custom:new"), **terms)
        self.shadows = Shadows(inferences, lambda _: models, lambda _: spent)


async def published(bench: Bench, count: int) -> list[InferenceRequested]:
    async with asyncio.timeout(30):
        while len(bench.broker.requests) < count:  # noqa: ASYNC110 - a task publishes them
            await asyncio.sleep(0)
    return bench.broker.requests


async def test_a_copy_is_an_inference_that_nobody_waits_for() -> None:
    bench, inference_id = Bench(shadow_model="custom:new", shadow_share=1.0), new_id()
    bench.shadows.offer(ORDER, inference_id)
    await bench.shadows.start()
    try:
        [request] = await published(bench, 1)
    finally:
        await bench.shadows.stop()
    assert request.inference_id == shadow_id(inference_id)
    assert request.is_shadow
    assert not request.is_awaited
    assert not request.store_result
    assert (request.expires_at - request.accepted_at).total_seconds() == 30
    context = SealedContext("acme", "input", str(request.inference_id))
    assert request.sealed_input is not None
    assert open_sealed(RING, context, request.sealed_input) == BODY


@pytest.mark.parametrize(
    "terms", [{}, {"shadow_model": "custom:new"}, {"shadow_model": "custom:gone", "shadow_share": 1.0}]
)
async def test_without_a_model_on_trial_nothing_is_copied(terms: dict[str, Any]) -> None:
    bench = Bench(**terms)
    for _ in range(50):
        bench.shadows.offer(ORDER, new_id())
    assert bench.shadows._waiting.empty()


@pytest.mark.parametrize(("days_ago", "usd", "copied"), [(0, 0.99, True), (0, 1.0, False), (1, 1.0, True)])
async def test_when_the_budget_of_copies_is_used_up_none_is_made_that_day(
    days_ago: int, usd: float, copied: bool
) -> None:
    now = utc_now()
    spent = TenantSpent(
        tenant_id="acme", day=now.date() - timedelta(days=days_ago), usd_day=5.0, usd_month=5.0, tokens_day=0,
        tokens_month=0, shadow_usd_day=usd, as_of=now,
    )  # fmt: skip
    bench = Bench(spent, shadow_model="custom:new", shadow_share=1.0, shadow_usd_per_day=1.0)
    bench.shadows.offer(ORDER, new_id())
    assert bench.shadows._waiting.empty() is not copied


async def test_who_offers_never_waits_and_what_finds_too_many_waiting_is_not_copied() -> None:
    bench = Bench(shadow_model="custom:new", shadow_share=1.0)
    ids = [new_id() for _ in range(20)]
    for inference_id in ids:
        bench.shadows.offer(ORDER, inference_id)
    await bench.shadows.start()
    try:
        requests = await published(bench, 16)
        assert [request.inference_id for request in requests] == [shadow_id(one) for one in ids[:16]]

        bench.broker.away = True
        bench.shadows.offer(ORDER, ids[0])
        while not bench.shadows._waiting.empty():  # noqa: ASYNC110
            await asyncio.sleep(0)
        bench.broker.away = False
        bench.shadows.offer(ORDER, ids[19])
        assert (await published(bench, 17))[-1].inference_id == shadow_id(ids[19]), "the one before is dropped"
    finally:
        await bench.shadows.stop()
