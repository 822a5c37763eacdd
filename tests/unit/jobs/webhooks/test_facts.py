from datetime import timedelta
from typing import Any

import orjson
import pytest

from services.jobs.webhooks.facts import batch_fact, budget_fact, deliveries, fact_of, wants
from shared.batches import batch_name
from shared.batches.store import BatchState, TakenBatch
from shared.errors import failure
from shared.events import FeatureSettled, InferenceSettled, ModelHealthChanged, TenantSpent, new_id
from shared.events.feature import FeatureCall
from shared.files import file_name_of
from shared.registry import Terms
from shared.selection.budgets import reached
from shared.webhooks.store import NewDelivery, Subscriber
from tests.unit.shared.events.samples import INFERENCE, NOW, ended

HOOK = new_id()


def settled(**more: Any) -> InferenceSettled:
    fields: dict[str, Any] = {
        "inference_id": INFERENCE, "tenant_id": "acme", "settlement": "completed", "accepted_at": NOW,
        "settled_at": NOW + timedelta(seconds=2), "duration_s": 2.0, "reported_by": "router/r1",
    }  # fmt: skip
    return InferenceSettled.model_validate(fields | more)


FAILED = settled(settlement="failed", error=failure("rate_limited", "the detail says 'secret words'"))


def feature(**more: Any) -> FeatureSettled:
    fields: dict[str, Any] = {
        "feature_id": new_id(), "tenant_id": "acme", "settlement": "completed", "generator": "llm",
        "accepted_at": NOW, "settled_at": NOW, "duration_s": 1.0, "reported_by": "w", "sealed_result": "c2VhbGVk",
    }  # fmt: skip
    return FeatureSettled.model_validate(fields | more)


def health(**more: Any) -> ModelHealthChanged:
    fields = {"tenant_id": "acme", "model": "custom:m", "status": "unhealthy", "was": "healthy", "changed_at": NOW}
    return ModelHealthChanged.model_validate(fields | more)


def spent(**more: Any) -> TenantSpent:
    sums = {"usd_day": 0.0, "usd_month": 0.0, "tokens_day": 0, "tokens_month": 0}
    return TenantSpent.model_validate({"tenant_id": "acme", "day": NOW.date(), "as_of": NOW} | sums | more)


def subscriber(*events: str, **more: Any) -> Subscriber:
    return Subscriber(HOOK, "acme", events, NOW)._replace(**more)


def told(events: list[Any], *subscribers: Subscriber) -> list[NewDelivery]:
    facts = [fact for event in events if (fact := fact_of(event)) is not None]
    return deliveries(facts, subscribers)


def test_a_webhook_is_told_what_it_wants_and_of_its_own_tenant() -> None:
    assert [one.type for one in told([settled(), feature()], subscriber("inference.settled"))] == ["inference.settled"]
    assert told([settled()], subscriber("feature.settled"), subscriber("inference.settled", tenant_id="b")) == []


def test_a_failure_is_told_once_by_the_wider_name() -> None:
    assert [one.type for one in told([FAILED, settled()], subscriber("inference.failed"))] == ["inference.failed"]
    assert [one.type for one in told([FAILED], subscriber("inference.failed", "inference.settled"))] == [
        "inference.settled"
    ]


def test_the_same_fact_has_the_same_id_whoever_says_it() -> None:
    first, late = settled(), FAILED  # two words on one inference, of which the first counts
    [new] = told([first, late], subscriber("inference.settled"))
    assert orjson.loads(new.body)["data"]["settlement"] == "completed"
    assert [new.delivery_id] == [one.delivery_id for one in told([late], subscriber("inference.settled"))]
    assert new.delivery_id != told([first], subscriber("inference.settled", webhook_id=new_id()))[0].delivery_id


def test_what_happened_before_a_webhook_was_there_is_not_told() -> None:
    assert told([settled()], subscriber("inference.settled", created_at=NOW + timedelta(seconds=8))) == []
    assert len(told([settled()], subscriber("inference.settled", created_at=NOW + timedelta(seconds=6)))) == 1


def test_nobody_is_told_of_probes_copies_and_of_health_that_did_not_change() -> None:
    events = [settled(api_key_id="probe"), settled(api_key_id="shadow"), health(was=None), health(was="unhealthy")]
    assert told(events, subscriber("inference.settled", "model.health")) == []


def test_a_body_says_how_it_ended_and_no_content() -> None:
    call = ended(input_tokens=3, output_tokens=4, cost_usd=0.5)
    [new] = told([FAILED.model_copy(update={"last": call})], subscriber("inference.settled"))
    body = orjson.loads(new.body)
    assert (body["type"], body["timestamp"]) == ("inference.settled", "2026-11-23T12:00:02+00:00")
    assert body["data"]["error_type"] == "rate_limited"
    assert (body["data"]["input_tokens"], body["data"]["output_tokens"], body["data"]["cost_usd"]) == (3, 4, 0.5)
    assert "secret words" not in new.body


def test_a_feature_job_is_told_with_what_its_calls_took() -> None:
    calls = [FeatureCall(inference_id=new_id(), purpose="plan", input_tokens=2, cost_usd=cost) for cost in (0.25, None)]
    [new] = told([feature(calls=calls)], subscriber("feature.settled"))
    data = orjson.loads(new.body)["data"]
    assert (data["inferences"], data["input_tokens"], data["cost_usd"]) == (2, 4, 0.25)
    assert "c2VhbGVk" not in new.body


def test_a_change_of_health_is_told_with_its_figures() -> None:
    errors = [{"error_type": "rate_limited", "calls": 3}]
    [new] = told([health(calls=5, failed=3, errors=errors)], subscriber("model.health"))
    data = orjson.loads(new.body)["data"]
    assert (data["was"], data["status"], data["error_types"]) == ("healthy", "unhealthy", {"rate_limited": 3})


def test_a_budget_is_told_of_once_until_it_renews_or_is_changed() -> None:
    def ids(terms: Terms, *words: TenantSpent) -> set[object]:
        facts = [budget_fact("acme", budget) for word in words for budget in reached(terms, word)]
        return {one.delivery_id for one in deliveries(facts, [subscriber("budget.reached")])}

    terms, over = Terms(usd_per_day=1), spent(usd_day=1.5)
    later = NOW + timedelta(minutes=1)
    tomorrow = NOW + timedelta(days=1)
    assert ids(terms, spent(usd_day=0.5)) == set()
    assert len(ids(terms, over, spent(usd_day=2.0, as_of=later))) == 1
    assert len(ids(terms, over, spent(usd_day=1.0, as_of=tomorrow, day=tomorrow.date()))) == 2
    assert len(ids(terms, over) | ids(Terms(usd_per_day=1.25), over)) == 2


@pytest.mark.parametrize("kind", ["budget.reached", "model.health"])
def test_tenants_that_want_something(kind: Any) -> None:
    assert wants([subscriber("budget.reached", "model.health"), subscriber("feature.settled")], kind) == {"acme"}
    assert wants([subscriber("feature.settled")], kind) == set()


def test_a_batch_is_told_by_its_counts_and_files() -> None:
    job = TakenBatch(HOOK, "acme", "0a", "/v1/embeddings", HOOK, "s", None, NOW, NOW, 60.0, 1, 0)
    error = {"code": "mismatched_url", "message": "never told", "line": 1, "param": None}
    state = BatchState("completed", "completed", 3, 2, 1, 4, 9, 4, None, [error], HOOK, None, False, NOW)

    (new,) = deliveries([batch_fact(job, state, NOW + timedelta(seconds=5))], [subscriber("batch.finished")])

    told_of = orjson.loads(new.body)["data"]
    assert (told_of["batch_id"], told_of["status"]) == (batch_name(HOOK), "completed")
    assert told_of["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
    assert (told_of["output_file_id"], told_of["error_file_id"]) == (file_name_of(HOOK), None)
    assert (told_of["error_codes"], told_of["duration_s"]) == (["mismatched_url"], 5.0)
    assert "never told" not in new.body
