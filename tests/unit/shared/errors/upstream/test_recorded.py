"""Recorded errors of servers and vendors: what each is, how it is treated, and what the caller is told."""

from datetime import UTC, datetime

import orjson
import pytest

from services.monitor.rollups.health import ModelCalls
from services.router.breaker import UNWELL
from shared.errors import CATALOGUE, Failure
from shared.errors.classify import classify
from shared.errors.failures import worded_tips
from tests.unit.shared.errors.upstream.recorded import ALL, SERVERS, Recorded

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EACH = pytest.mark.parametrize("recorded", [one for _, one in ALL], ids=[name for name, _ in ALL])


def told(recorded: Recorded) -> Failure:
    body = recorded.body
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else orjson.dumps(body)
    return classify(recorded.status, recorded.headers, raw, model="custom:m", host="h:80", now=NOW)


@EACH
def test_it_is_what_it_is(recorded: Recorded) -> None:
    failed, kind = told(recorded), CATALOGUE[recorded.error_type]
    assert failed.error_type == recorded.error_type
    assert failed.retryable == (kind.retryable if recorded.again is None else recorded.again)
    assert failed.fallback == (kind.fallback if recorded.elsewhere is None else recorded.elsewhere)
    assert failed.retry_after_s == (None if recorded.wait_s is None else pytest.approx(recorded.wait_s))


@EACH
def test_its_own_sentence_is_told_and_nothing_else(recorded: Recorded) -> None:
    detail = told(recorded).detail
    answered, _, sentence = detail.partition(recorded.said)
    assert answered in (
        f"h:80 answered {recorded.status}: ", f"h:80 answered {recorded.status} with an error: ",
        f"h:80 answered {recorded.status} ", f"h:80 answered {recorded.status} with an error ",
    )  # fmt: skip
    for not_told in ("</", "<h", "{", "': ", "alert", "MINE", "color"):
        assert not_told not in sentence


@EACH
def test_its_tips_are_those_of_its_type_or_its_own(recorded: Recorded) -> None:
    tips = told(recorded).tips
    if recorded.tip is None:
        assert tips == worded_tips(CATALOGUE[recorded.error_type], "custom:m", "h:80")
    else:
        assert tips[0].startswith(recorded.tip)
    assert not any("TALLYGATE_MAX_BODY_BYTES" in tip for tip in tips)


@EACH
def test_only_what_ails_a_model_counts_as_its_ill_health(recorded: Recorded) -> None:
    failed = told(recorded)
    callers_own = failed.error_type in {
        "invalid_request",
        "content_filtered",
        "context_length_exceeded",
        "payload_too_large",
    }
    assert ModelCalls.counted("m", 0, {failed.error_type: 1}).failed == (0 if callers_own else 1)
    assert not (callers_own and failed.error_type in UNWELL)


def test_there_are_several_errors_each_of_more_servers_than_anyone_uses() -> None:
    assert len(SERVERS) > 20
    assert all(len(recorded) >= 4 for recorded in SERVERS.values())
    assert len({name for name, _ in ALL}) == len(ALL)
