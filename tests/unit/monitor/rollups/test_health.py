from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.monitor.rollups.health import (
    ANSWERED,
    NO_CALLS,
    THRESHOLDS,
    Evidence,
    Health,
    ModelCalls,
    ProbeCall,
    Probed,
    Recent,
    gather,
    judge,
    thresholds_of,
)
from services.monitor.rollups.health import news as news_of
from shared.events import HealthThresholds, ModelHealthChanged
from shared.registry.health import HealthRule

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("total", "failed", "status"),
    [
        (0, 0, "healthy"),
        (4, 4, "healthy"),
        (5, 0, "healthy"),
        (100, 9, "healthy"),
        (100, 10, "degraded"),
        (100, 49, "degraded"),
        (100, 50, "unhealthy"),
        (5, 5, "unhealthy"),
    ],
)
def test_the_rate_of_failures_decides_once_there_are_enough_calls(total: int, failed: int, status: str) -> None:
    judged = judge([ModelCalls("custom:m", total, {"rate_limited": failed})], 0.0)
    assert judged.status == status
    assert bool(judged.issues) == (status != "healthy")


def test_an_issue_names_the_model_the_numbers_and_the_main_error() -> None:
    assert judge([ModelCalls("custom:m", 10, {"rate_limited": 2})], 0.0).issues == (
        "custom:m: 2 of 10 calls failed, most of them rate_limited",
    )


@pytest.mark.parametrize("reverse", [False, True])
def test_the_worst_model_decides_whatever_its_place(reverse: bool) -> None:
    calls = [ModelCalls("custom:bad", 10, {"x": 9}), ModelCalls("custom:so-so", 10, {"x": 2}), ModelCalls("c", 10)]
    judged = judge(sorted(calls, key=lambda one: one.failed, reverse=reverse), 0.0)
    assert judged.status == "unhealthy"
    assert len(judged.issues) == 2


@pytest.mark.parametrize(("lag_s", "status"), [(30.0, "healthy"), (30.1, "degraded")])
def test_books_that_are_behind_are_an_issue(lag_s: float, status: str) -> None:
    assert judge([], lag_s).status == status


def test_a_lag_does_not_make_an_unhealthy_model_look_better() -> None:
    judged = judge([ModelCalls("custom:m", 10, {"x": 10})], 90.0)
    assert judged.status == "unhealthy"
    assert judged.issues[1] == "the books are 90 s behind"


def test_no_calls_and_no_lag_is_healthy() -> None:
    assert judge([], 0.0) == Health("healthy", ())


@pytest.mark.parametrize(
    ("errors", "total", "failed"),
    [
        ({}, 10, {}),
        ({"server_error": 2, "authentication_failed": 3}, 15, {"server_error": 2, "authentication_failed": 3}),
        ({"invalid_request": 30, "content_filtered": 5, "context_length_exceeded": 5}, 50, {}),
        ({"cancelled": 40, "expired": 40, "handed_back": 40, "router_lost": 40}, 10, {}),
        ({"cancelled": 90, "read_timeout": 10}, 20, {"read_timeout": 10}),
    ],
)
def test_only_what_the_endpoint_is_at_fault_for_counts_against_it(
    errors: dict[str, int], total: int, failed: dict[str, int]
) -> None:
    assert ModelCalls.counted("custom:m", 10, errors) == ModelCalls("custom:m", total, failed)


def recent(succeeded: int = 10, bucket: int = 80, **errors: int) -> dict[str, Recent]:
    return {"acme/custom:m": Recent("acme", "custom:m", Counter(errors), Counter({bucket: succeeded}))}


def news(
    found: dict[str, Recent],
    known: dict[str, ModelHealthChanged],
    now: datetime,
    probed: Probed | None = None,
    thresholds: HealthThresholds = THRESHOLDS,
) -> list[ModelHealthChanged]:
    probes = {"acme/custom:m": probed} if probed else {}
    return news_of(Evidence(found, probes, lambda _: thresholds), known, now)


def said(word: ModelHealthChanged | None, **more: Any) -> dict[str, ModelHealthChanged]:
    assert word is not None
    return {word.subject: word.model_copy(update=more)}


def first_word(found: dict[str, Recent]) -> ModelHealthChanged:
    (word,) = news(found, {}, NOW)
    return word


def test_the_first_calls_of_a_model_are_told() -> None:
    word = first_word(recent(9, server_error=1))
    assert (word.tenant_id, word.model, word.calls, word.failed) == ("acme", "custom:m", 10, 1)
    assert (word.status, word.reason) == ("degraded", "1 of 10 calls failed, most of them server_error")
    assert (word.subject, word.changed_at) == ("acme/custom:m", NOW)
    assert word.p50_s == pytest.approx(0.98, rel=0.05)


def test_the_same_again_is_not_told() -> None:
    assert news(recent(), said(first_word(recent())), NOW + timedelta(hours=1)) == []


def test_a_change_of_status_is_told_at_once() -> None:
    (word,) = news(recent(9, server_error=2), said(first_word(recent())), NOW)
    assert word.status == "degraded"


def test_further_calls_are_told_once_a_minute() -> None:
    known, more = said(first_word(recent(10))), recent(11)
    assert news(more, known, NOW + timedelta(seconds=59)) == []
    (word,) = news(more, known, NOW + timedelta(seconds=60))
    assert word.calls == 11


@pytest.mark.parametrize(("bucket", "published"), [(81, False), (82, False), (79, False), (83, True), (76, True)])
def test_a_median_that_moved_by_a_fifth_is_told_at_once(bucket: int, published: bool) -> None:
    assert bool(news(recent(bucket=bucket), said(first_word(recent(bucket=80))), NOW)) is published


def test_a_median_that_is_there_no_more_is_told() -> None:
    known = said(first_word(recent(10, read_timeout=10)))
    (word,) = news(recent(0, read_timeout=10), known, NOW)
    assert (word.status, word.p50_s) == ("unhealthy", None)


@pytest.mark.parametrize("found", [{}, recent(0, cancelled=3)])
@pytest.mark.parametrize("status", ["healthy", "degraded", "unhealthy"])
def test_a_model_that_nobody_called_lately_may_be_tried_again(found: dict[str, Recent], status: str) -> None:
    known = said(first_word(recent()), status=status)
    (word,) = news(found, known, NOW)
    assert (word.subject, word.status, word.reason, word.calls) == ("acme/custom:m", "healthy", NO_CALLS, 0)
    assert word.p50_s is None
    assert news(found, said(word), NOW) == []


@pytest.mark.parametrize("found", [{}, recent(0, cancelled=3)])
def test_of_a_model_that_nobody_ever_called_there_is_nothing_to_tell(found: dict[str, Recent]) -> None:
    assert news(found, {}, NOW) == []


def test_minutes_are_summed_for_each_tenant_and_model() -> None:
    def minute(tenant: str, calls: int, error_type: str = "", bucket: int | None = None) -> dict[str, Any]:
        return {
            "tenant_id": tenant, "model": "custom:m", "calls": calls, "error_type": error_type, "bucket": bucket,
            "at": NOW - timedelta(minutes=calls),
        }  # fmt: skip

    found = gather(
        [
            minute("a", 3, "rate_limited"),
            minute("a", 1, "overloaded"),
            minute("a", 3, bucket=7),
            minute("a", 4, bucket=12),
            minute("b", 1, bucket=3),
        ]
    )
    assert found == {
        "a/custom:m": Recent(
            "a", "custom:m", Counter(rate_limited=3, overloaded=1), Counter({7: 3, 12: 4}), NOW - timedelta(minutes=3)
        ),
        "b/custom:m": Recent("b", "custom:m", Counter(), Counter({3: 1}), NOW - timedelta(minutes=1)),
    }


def test_a_word_tells_what_it_is_made_from() -> None:
    (word,) = news(recent(3, server_error=5, read_timeout=2, cancelled=9), said(first_word(recent())), NOW)
    assert (word.was, word.status, word.cause) == ("healthy", "unhealthy", "calls")
    assert (word.errors_by_type, word.thresholds) == ({"server_error": 5, "read_timeout": 2}, THRESHOLDS)
    (silent,) = news({}, said(word), NOW)
    assert (silent.was, silent.cause, silent.errors) == ("unhealthy", "silence", ())


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (HealthRule(), (0.1, 0.5, 5)),
        (HealthRule(degraded_at=0.2, unhealthy_at=0.2, min_calls=1), (0.2, 0.2, 1)),
        (HealthRule(degraded_at=0.7), (0.7, 0.7, 5)),
        (HealthRule(unhealthy_at=0.05), (0.05, 0.05, 5)),
    ],
    ids=["nothing", "all", "above the other", "below the other"],
)
def test_what_an_owner_says_goes_before_what_the_deployment_says(
    rule: HealthRule, expected: tuple[float, float, int]
) -> None:
    found = thresholds_of(rule, THRESHOLDS)
    assert (found.degraded_at, found.unhealthy_at, found.min_calls) == expected


@pytest.mark.parametrize(("succeeded", "status"), [(9, "unhealthy"), (8, "healthy")])
def test_a_model_is_judged_by_its_own_thresholds(succeeded: int, status: str) -> None:
    own = HealthThresholds(degraded_at=0.01, unhealthy_at=0.1, min_calls=10)
    (word,) = news(recent(succeeded, server_error=1), {}, NOW, thresholds=own)
    assert (word.status, word.thresholds) == (status, own)


def probe(error_type: str | None = None, ago_s: float = 10, counts_s: float = 600, calls: Any = ()) -> Probed:
    """calls: how those of probes have ended."""
    ended_at = NOW - timedelta(seconds=ago_s)
    made = tuple(ProbeCall(ended_at, error_type) for error_type in calls)
    return Probed(
        "acme", "custom:m", NOW - timedelta(days=1), ended_at, error_type, ended_at + timedelta(seconds=counts_s), made
    )


def test_a_probe_that_failed_makes_the_model_unhealthy_though_nobody_calls_it() -> None:
    (word,) = news({}, {}, NOW, probe("read_timeout"))
    assert (word.status, word.cause, word.reason) == ("unhealthy", "probe", "the last probe failed: read_timeout")
    assert news({}, said(word), NOW + timedelta(minutes=5), probe("read_timeout")) == []


def test_a_probe_that_failed_long_ago_says_nothing() -> None:
    known = said(first_word(recent()), status="unhealthy")
    (word,) = news({}, known, NOW, probe("read_timeout", ago_s=600))
    assert (word.status, word.cause) == ("healthy", "silence")


def test_a_probe_that_was_answered_after_silence_makes_it_healthy() -> None:
    known = said(first_word(recent()), status="unhealthy")
    (word,) = news({}, known, NOW, probe())
    assert (word.status, word.cause, word.reason) == ("healthy", "probe", ANSWERED)
    assert news({}, said(word), NOW, probe()) == []


def test_calls_say_more_than_an_answered_probe_where_there_are_enough() -> None:
    (word,) = news(recent(1, server_error=4), {}, NOW, probe())
    assert (word.status, word.cause) == ("unhealthy", "calls")
    (word,) = news(recent(0, server_error=4), {}, NOW, probe())
    assert (word.status, word.cause) == ("healthy", "probe")


def test_calls_of_probes_are_not_those_of_callers() -> None:
    calls = ["server_error"] * 6 + [None]
    (word,) = news(recent(1, server_error=6), {}, NOW, probe(calls=calls))
    assert (word.status, word.cause, word.calls) == ("healthy", "probe", 0)
    (word,) = news(recent(2, server_error=10), {}, NOW, probe(calls=calls))
    assert (word.status, word.calls, word.failed) == ("unhealthy", 5, 4)
    (word,) = news(recent(9), {}, NOW, probe(calls=calls, ago_s=400))  # before the minutes that count
    assert word.calls == 9


@pytest.mark.parametrize(("minutes", "status"), [(-1, "unhealthy"), (0, "unhealthy"), (1, "healthy")])
def test_a_call_that_succeeds_after_a_failed_probe_takes_it_back(minutes: int, status: str) -> None:
    failed = probe("server_error", ago_s=130)
    found = recent(10)
    minute = failed.ended_at.replace(second=0) + timedelta(minutes=minutes)
    found["acme/custom:m"].succeeded_at = minute
    (word,) = news(found, {}, NOW, failed)
    assert word.status == status
