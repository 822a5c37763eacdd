"""How long an endpoint asks to wait."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors.upstream.waits import duration_s, reset_s, wait_in_words, wait_s

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sentence", "seconds"),
    [
        ("Please try again in 1m2.5s.", 62.5),
        ("Please try again in 20ms. Visit", 0.02),
        ("try again in 36m2.3s", 2162.3),
        ("Please retry in 20.04466179s.", 20.04466179),
        ("Please retry after 26 seconds.", 26.0),
        ("Please wait 37 seconds before retrying.", 37.0),
        ("Try again in 5 minutes", 300.0),
        ("Try again in 1 hour, 2 minutes", 3720.0),
        ("Limit 5s. Please try again later, 7 of 8 are busy", None),
        ("Please wait", None),
        ("retry in 5 meters", None),
        ("It took 5 seconds", None),
    ],
)
def test_what_a_sentence_asks_for(sentence: str, seconds: float | None) -> None:
    assert wait_in_words(sentence) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1.0),
        ({"retry-after": "20s"}, 20.0),
        ({"retry-after": "2026-01-02T03:04:15Z"}, 10.0),
        ({}, None),
    ],
)
def test_what_headers_ask_for(headers: Mapping[str, str], seconds: float | None) -> None:
    assert wait_s(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-reset": "30"}, 30.0),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 60)}, 60.0),
        ({"x-ratelimit-reset": str(int(NOW.timestamp() * 1000) + 2500)}, 2.5),
        ({"ratelimit-reset": "12"}, 12.0),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0",
          "x-ratelimit-reset-tokens": "20ms", "x-ratelimit-remaining-tokens": "5"}, 360.0),
        ({"anthropic-ratelimit-tokens-reset": "2026-01-02T03:05:05+00:00",
          "anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-requests-reset": "2026-01-02T03:04:06Z"},
         60.0),
        ({"x-ratelimit-reset": "2020-01-02T03:05:05Z"}, 0.0),
        ({"x-ratelimit-reset": "never", "x-ratelimit-limit": "5", "reset": "7"}, None),
    ],
)  # fmt: skip
def test_when_limits_are_lifted(headers: Mapping[str, str], seconds: float | None) -> None:
    assert reset_s(headers, now=NOW) == (None if seconds is None else pytest.approx(seconds))


def test_of_several_limits_that_one_counts_which_the_error_names() -> None:
    headers = {"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "9s"}
    assert reset_s(headers, frozenset({"tokens"}), NOW) == 9.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("17s", 17.0), ("0.5s", 0.5), (20, 20.0), (20.5, 20.5), ("20", 20.0), ({"seconds": 3}, 3.0), ("6m0s", 360.0),
     (-1, 0.0), (True, None), (None, None), ([], None), ("s", None), ({}, None)],
)  # fmt: skip
def test_what_a_member_of_a_body_asks_for(value: Any, seconds: float | None) -> None:
    assert duration_s(value) == seconds


@given(st.text(max_size=60))
def test_any_text_asks_for_a_wait_or_for_none(text: str) -> None:
    for told in (
        wait_in_words(text),
        duration_s(text),
        reset_s({"x-ratelimit-reset": text}),
        wait_s({"retry-after": text}),
    ):
        assert told is None or told >= 0
