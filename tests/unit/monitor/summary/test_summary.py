from bisect import bisect_right
from collections import Counter
from datetime import timedelta
from typing import Any

import orjson
import pytest
from genai_prices import Usage, calc_price
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.rollups.health import THRESHOLDS
from services.monitor.rollups.latency import BOUNDS
from services.monitor.summary.summary import BookRows, reference_price, summarize
from shared.registry import Price
from tests.unit.shared.events.samples import ATTEMPT, INFERENCE, NOW

REFERENCE = Price(input_per_mtok_usd=1, output_per_mtok_usd=4)


def request(settlement: str = "completed", n: int = 1, **more: object) -> dict[str, Any]:
    row: dict[str, Any] = {"model": "custom:m", "server_address": "h:80", "settlement": settlement, "n": n}
    return row | {"error_type": None, "fallbacks": 0} | more


def attempt(outcome: str | None = "succeeded", n: int = 1, **more: object) -> dict[str, Any]:
    row: dict[str, Any] = {"model": "custom:m", "outcome": outcome, "error_type": None, "n": n}
    tokens = {"input_tokens": 0, "output_tokens": 0, "cache_read_tokens": 0, "cache_write_tokens": 0}
    usage = {"reasoning_tokens": 0, "reported": 0, "estimated": 0, "unknown": 0}
    return row | {"cost_usd": 0.0} | tokens | usage | more


def summary(
    requests: list[dict[str, Any]] | None = None,
    attempts: list[dict[str, Any]] | None = None,
    latency: dict[int, int] | None = None,
    duration_s: float = 0.0,
    first_chunk: dict[int, int] | None = None,
    per_chunk: dict[int, int] | None = None,
    errors: list[dict[str, Any]] | None = None,
    reference: Price | None = REFERENCE,
    lag_s: float = 0.0,
) -> dict[str, Any]:
    ended = [row for row in attempts or [] if row["outcome"] is not None]
    open_attempts = sum(row["n"] for row in attempts or [] if row["outcome"] is None)
    rows = BookRows(
        since=NOW - timedelta(hours=1), until=NOW + timedelta(seconds=30), requests=requests or [],
        latency=latency or {}, duration_s=duration_s, attempts=ended, first_chunk=first_chunk or {},
        per_chunk=per_chunk or {}, open_attempts=open_attempts, errors=errors or [],
    )  # fmt: skip
    return summarize(rows, NOW, lag_s, reference, lambda _: THRESHOLDS)


def test_empty_books_are_all_zero() -> None:
    answer = summary()
    assert answer["requests"] == {
        "total": 0, "succeeded": 0, "failed": 0, "rejected": 0, "expired": 0, "cancelled": 0, "fallbacks": 0,
        "failure_rate": 0.0, "by_model": {}, "by_endpoint": {}, "by_error_type": {},
    }  # fmt: skip
    assert answer["attempts"] == {"total": 0, "succeeded": 0, "failed": 0, "open": 0, "by_error_type": {}}
    assert answer["performance"] == {
        "average_s": 0.0, "p50_s": 0.0, "p95_s": 0.0, "p99_s": 0.0,
        "first_chunk_p50_s": 0.0, "first_chunk_p95_s": 0.0, "first_chunk_p99_s": 0.0,
        "per_chunk_p50_s": 0.0, "per_chunk_p95_s": 0.0, "per_chunk_p99_s": 0.0,
    }  # fmt: skip
    assert answer["costs"] == {"custom_usd": 0.0, "provider_usd": 0.0, "savings_usd": 0.0, "savings_percent": 0.0}
    assert answer["health"] == {"status": "healthy", "issues": []}
    assert (answer["errors"], answer["as_of"], answer["lag_s"]) == ([], NOW.isoformat(), 0.0)


def test_the_range_that_was_read_is_told_up_to_now() -> None:
    answer = summary()
    assert (answer["from"], answer["to"]) == ((NOW - timedelta(hours=1)).isoformat(), NOW.isoformat())


def test_tokens_are_told_by_kind_and_calls_by_who_says_how_many_there_were() -> None:
    calls = [
        attempt(
            n=3, input_tokens=10, output_tokens=4, cache_read_tokens=5, cache_write_tokens=1, reported=2, unknown=1
        ),
        attempt("failed", input_tokens=1, output_tokens=2, reasoning_tokens=2, estimated=1),
    ]
    answer = summary(attempts=calls)
    assert answer["tokens"] == {"input": 11, "output": 6, "cache_read": 5, "cache_write": 1, "reasoning": 2}
    assert answer["usage"] == {"reported": 2, "estimated": 1, "unknown": 1}


def test_requests_are_counted_by_their_settlement() -> None:
    answer = summary([request(n=6), request("failed", 3), request("rejected", 2), request("expired"),
                    request("cancelled")])["requests"]  # fmt: skip
    assert (answer["total"], answer["succeeded"], answer["failed"], answer["rejected"]) == (13, 6, 5, 2)
    assert (answer["expired"], answer["cancelled"]) == (1, 1)
    assert answer["failure_rate"] == round(5 / 13, 6)


def test_requests_are_counted_by_model_endpoint_and_error() -> None:
    answer = summary(
        [
            request(n=2),
            request("failed", 1, error_type="rate_limited"),
            request("failed", 1, error_type="rate_limited", server_address="gpu:8000"),
            request(model="openai:b", server_address="host:443", n=4),
            request("expired", model="auto", server_address=None, error_type="expired"),
            request("cancelled", model="auto", server_address=None, error_type="cancelled"),
            request("rejected", n=3, server_address=None, error_type="too_many_requests"),
        ]
    )["requests"]
    assert answer["by_model"] == {
        "custom:m": {"total": 7, "succeeded": 2, "failed": 2, "rejected": 3},
        "openai:b": {"total": 4, "succeeded": 4, "failed": 0, "rejected": 0},
        "auto": {"total": 2, "succeeded": 0, "failed": 2, "rejected": 0},
    }
    assert answer["by_endpoint"] == {"h:80": 3, "gpu:8000": 1, "host:443": 4}
    assert answer["by_error_type"] == {"rate_limited": 2, "expired": 1, "cancelled": 1, "too_many_requests": 3}


SETTLEMENTS = st.sampled_from(["completed", "failed", "rejected", "expired", "cancelled"])


@given(st.lists(st.tuples(SETTLEMENTS, st.integers(1, 9), st.sampled_from(["custom:m", "openai:b"]))))
def test_every_request_of_a_model_is_counted_as_one_thing(rows: list[tuple[str, int, str]]) -> None:
    answer = summary([request(settlement, n, model=model) for settlement, n, model in rows])["requests"]
    parts = ("succeeded", "failed", "rejected")
    for counts in answer["by_model"].values():
        assert counts["total"] == sum(counts[name] for name in parts)
    for name in ("total", *parts):
        assert answer[name] == sum(counts[name] for counts in answer["by_model"].values())


def test_fallbacks_are_counted() -> None:
    assert summary([request(n=5, fallbacks=2), request(model="openai:b", fallbacks=1)])["requests"]["fallbacks"] == 3


def test_a_fallback_is_one_request_and_two_attempts() -> None:
    answer = summary(
        [request(model="openai:b", fallbacks=1)],
        [attempt("failed", error_type="server_error"), attempt(model="openai:b")],
    )
    assert (answer["requests"]["total"], answer["requests"]["succeeded"], answer["requests"]["fallbacks"]) == (1, 1, 1)
    assert (answer["attempts"]["total"], answer["attempts"]["succeeded"], answer["attempts"]["failed"]) == (2, 1, 1)


def test_attempts_are_counted_by_outcome_and_error() -> None:
    answer = summary(
        attempts=[
            attempt(n=5),
            attempt("failed", 2, error_type="rate_limited"),
            attempt("failed", 1, error_type="read_timeout"),
            attempt(None, 3),
        ]
    )["attempts"]
    assert answer == {
        "total": 11, "succeeded": 5, "failed": 3, "open": 3,
        "by_error_type": {"rate_limited": 2, "read_timeout": 1},
    }  # fmt: skip


def test_durations_are_told_from_sums_within_the_width_of_a_bucket() -> None:
    durations = sorted(0.05 * 1.07**n for n in range(100))
    latency = Counter(bisect_right(BOUNDS, duration) for duration in durations)
    halves = Counter(bisect_right(BOUNDS, duration / 2) for duration in durations)
    answer = summary(
        latency=dict(latency), duration_s=sum(durations), first_chunk=dict(halves), per_chunk=dict(halves)
    )["performance"]
    assert answer["average_s"] == pytest.approx(sum(durations) / 100, abs=1e-6)
    for name, rank in (("p50_s", 49), ("p95_s", 94), ("p99_s", 98)):
        assert answer[name] == pytest.approx(durations[rank], rel=0.045)
        assert answer[f"first_chunk_{name}"] == pytest.approx(durations[rank] / 2, rel=0.045)
        assert answer[f"per_chunk_{name}"] == answer[f"first_chunk_{name}"]


def test_savings_are_what_the_reference_would_have_cost_less_what_was_paid() -> None:
    answer = summary(
        attempts=[
            attempt(cost_usd=1.0, input_tokens=2_000_000, output_tokens=1_000_000),
            attempt(model="openai:b", cost_usd=0.5, input_tokens=9_000_000),
        ]
    )["costs"]
    assert answer == {"custom_usd": 1.0, "provider_usd": 0.5, "savings_usd": 5.0, "savings_percent": 83.33}


def test_savings_are_told_for_each_call_by_its_length_and_by_what_was_cached() -> None:
    reference = reference_price("google:gemini-2.5-pro")
    assert reference is not None
    short = attempt(n=4, input_tokens=400_000, output_tokens=8_000)
    long = attempt(n=2, input_tokens=600_000, output_tokens=4_000, cache_read_tokens=500_000)
    failed = attempt("failed", n=9, error_type="server_error")
    answer = summary(attempts=[short, long, failed], reference=reference)["costs"]
    calls = [Usage(input_tokens=100_000, output_tokens=2_000)] * 4
    calls += [Usage(input_tokens=300_000, output_tokens=2_000, cache_read_tokens=250_000)] * 2
    true = sum(float(calc_price(call, "gemini-2.5-pro", provider_id="google").total_price) for call in calls)
    assert answer["savings_usd"] == pytest.approx(true)


def test_a_model_that_is_dearer_than_the_reference_saves_nothing() -> None:
    answer = summary(attempts=[attempt(cost_usd=2.0, input_tokens=1_000_000)])["costs"]
    assert (answer["custom_usd"], answer["savings_usd"], answer["savings_percent"]) == (2.0, 0.0, 0.0)


def test_without_a_reference_no_savings_are_claimed() -> None:
    answer = summary(attempts=[attempt(input_tokens=1_000_000)], reference=None)["costs"]
    assert (answer["savings_usd"], answer["savings_percent"]) == (0.0, 0.0)


def test_health_is_judged_by_calls_that_have_ended_and_their_main_error() -> None:
    answer = summary(
        attempts=[
            attempt(n=4),
            attempt("failed", 1, error_type="read_timeout"),
            attempt("failed", 2, error_type="rate_limited"),
            attempt(None, 50),
        ]
    )["health"]
    assert answer == {
        "status": "degraded", "issues": ["custom:m: 3 of 7 calls failed, most of them rate_limited"],
    }  # fmt: skip


def test_what_the_caller_or_a_router_did_is_no_failure_of_the_model() -> None:
    answer = summary(
        attempts=[
            attempt("failed", 50, error_type="invalid_request"),
            attempt("failed", 50, error_type="router_lost"),
        ]
    )["health"]
    assert answer == {"status": "healthy", "issues": []}


def test_the_lag_is_told() -> None:
    answer = summary(lag_s=31.23456)
    assert answer["lag_s"] == 31.235
    assert answer["health"] == {"status": "degraded", "issues": ["the books are 31 s behind"]}


@pytest.mark.parametrize("attempt_id", [ATTEMPT, None])
def test_errors_are_listed_with_what_to_do(attempt_id: object) -> None:
    error = {"error_type": "rate_limited", "detail": "slow down", "tips": ["Wait."]}
    row = {"at": NOW, "inference_id": INFERENCE, "attempt_id": attempt_id, "model": "custom:m", "error": error}
    assert summary(errors=[row])["errors"] == [
        {
            "at": NOW.isoformat(),
            "inference_id": str(INFERENCE),
            "attempt_id": None if attempt_id is None else str(ATTEMPT),
            "model": "custom:m",
            "error_type": "rate_limited",
            "detail": "slow down",
            "tips": ["Wait."],
        }
    ]


def test_an_error_without_details_is_listed_too() -> None:
    row = {"at": NOW, "inference_id": INFERENCE, "attempt_id": None, "model": "auto", "error": None}
    listed = summary(errors=[row])["errors"][0]
    assert (listed["error_type"], listed["detail"], listed["tips"]) == (None, None, [])


def test_the_answer_can_be_written_as_json() -> None:
    assert orjson.dumps(summary([request()], [attempt()]))


def test_a_known_model_has_a_price() -> None:
    price = reference_price("openai:gpt-4o")
    assert price is not None
    assert 0 < price.input_per_mtok_usd < price.output_per_mtok_usd


@pytest.mark.parametrize("reference", ["", "openai", "openai:", "nobody:gpt-4o", "openai:no-such-model"])
def test_without_a_known_model_there_is_no_reference(reference: str) -> None:
    assert reference_price(reference) is None
