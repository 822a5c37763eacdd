from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.ranges import OLDEST, Range, parse_range, parse_window
from shared.errors import TallygateError

NOW = datetime(2026, 11, 23, 12, 34, 56, 789, UTC)
HOUR = timedelta(hours=1)


def at(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("params", "since", "until"),
    [
        ({}, NOW - HOUR, NOW),
        ({"window": "15m"}, NOW - timedelta(minutes=15), NOW),
        ({"from": "2026-11-20", "to": "2026-11-21"}, at(20), at(21)),
        ({"from": "2026-11-20T10:00:00Z"}, at(20, 10), NOW),
        ({"to": "2026-11-20T10:00:00Z"}, at(20, 9), at(20, 10)),
        ({"from": "2026-11-20t10:30:00+02:00", "to": "2026-11-20T10:00z"}, at(20, 8, 30), at(20, 10)),
        ({"from": "2026-11-20T10:30:00 02:00", "to": "2026-11-20 10:00:01Z"}, at(20, 8, 30), at(20, 10, 0, 1)),
        ({"from": "2026-11-20T10:00:00.123456789Z"}, at(20, 10).replace(microsecond=123456), NOW),
        ({"from": "2026-11-23", "to": "2126-11-23"}, at(23), NOW),
        ({"from": "1926-11-23"}, NOW - OLDEST, NOW),
        ({"from": "0001-01-01", "to": "9999-12-31"}, NOW - OLDEST, NOW),
    ],
    ids=lambda value: None if isinstance(value, datetime) else "&".join(f"{k}={v}" for k, v in value.items()) or "none",
)
def test_what_a_query_asks_for(params: dict[str, str], since: datetime, until: datetime) -> None:
    assert parse_range(params, NOW) == Range(since, until)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"from": "2026-11-21", "to": "2026-11-20"}, "is not before to"),
        ({"from": "2026-11-21", "to": "2026-11-21"}, "is not before to"),
        ({"from": "2026-11-23T12:34:57Z"}, "in the future"),
        ({"from": "2026-11-24", "to": "2026-11-25"}, "in the future"),
        ({"from": "1926-11-23", "to": "1927-11-23"}, "older than 400 days"),
        ({"to": "0001-01-01T00:30:00Z"}, "older than 400 days"),
        ({"from": "2026-11-23", "window": "1h"}, "goes without"),
        ({"to": "2026-11-23", "window": "1h"}, "goes without"),
        ({"from": "2026-11-20T10:00:00"}, "with its zone"),
        ({"from": "2026-02-30"}, "with its zone"),
        ({"from": "0001-01-01T00:00:00+10:00"}, "with its zone"),
        ({"from": "20261120"}, "with its zone"),
        ({"from": "2026-W47"}, "with its zone"),
        ({"from": "٢٠٢٦-11-20"}, "with its zone"),
        ({"from": "1700000000"}, "with its zone"),
        ({"to": ""}, "with its zone"),
        ({"window": "401d"}, "at most 400d"),
    ],
    ids=lambda value: None if isinstance(value, str) else ascii("&".join(f"{k}={v}" for k, v in value.items())),
)
def test_what_asks_for_nothing_is_told_what_to_send(params: dict[str, str], said: str) -> None:
    with pytest.raises(TallygateError, match=said) as refused:
        parse_range(params, NOW)
    assert refused.value.failure.error_type == "invalid_request"
    assert "window=15m" in refused.value.failure.tips[0]


@given(st.dictionaries(st.sampled_from(("from", "to", "window")), st.text(max_size=30) | st.datetimes().map(str)))
def test_any_query_is_a_range_of_the_books_or_refused(params: dict[str, str]) -> None:
    try:
        since, until = parse_range(params, NOW)
    except TallygateError:
        return
    assert NOW - OLDEST <= since < until <= NOW


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1s", timedelta(seconds=1)),
        ("15m", timedelta(minutes=15)),
        ("1h", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
        ("400d", timedelta(days=400)),
        ("007m", timedelta(minutes=7)),
    ],
)
def test_a_window_is_a_number_and_a_unit(text: str, span: timedelta) -> None:
    assert parse_window(text) == span


@pytest.mark.parametrize(
    "text", ["", "1", "h", "1w", "1H", " 1h", "1h ", "1h\n", "-1h", "+1h", "1.5h", "1h30m", "0s", "0d", "401d", "9601h",
             "99999999s", "1" * 5000 + "s"]
)  # fmt: skip
def test_anything_else_is_refused_with_how_it_should_look(text: str) -> None:
    with pytest.raises(TallygateError, match="must look like 15m, 1h or 7d") as caught:
        parse_window(text)
    assert caught.value.failure.http_status == 400


@given(st.text(alphabet="0123456789smhd٣ ", max_size=12) | st.text())
def test_whatever_is_sent_is_a_span_within_the_limit_or_refused(text: str) -> None:
    try:
        span = parse_window(text)
    except TallygateError:
        return
    assert timedelta(0) < span <= OLDEST
