from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors.upstream.waits import retry_after_s

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(("value", "seconds"), [("0", 0.0), ("7", 7.0), ("1.5", 1.5), ("-3", 0.0), (" 2 ", 2.0)])
def test_seconds(value: str, seconds: float) -> None:
    assert retry_after_s(value, NOW) == seconds


def test_a_date_is_so_many_seconds_from_now() -> None:
    assert retry_after_s(format_datetime(NOW + timedelta(seconds=90), usegmt=True), NOW) == 90.0


def test_a_date_in_the_past_is_now() -> None:
    assert retry_after_s(format_datetime(NOW - timedelta(days=1), usegmt=True), NOW) == 0.0


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        "inf",
        "-nan",
        "nan",
        "1e999",
        "Fri, 02 Jan 2026 03:04:05 -0000",
        "Fri, 99 Jan 2026 03:04:05 GMT",
        "Fri, 02 Jan 99999999999999999999 03:04:05 GMT",
    ],
)
def test_what_names_no_time_is_ignored(value: str | None) -> None:
    assert retry_after_s(value, NOW) is None


@given(st.text(max_size=40))
def test_whatever_an_endpoint_sends_is_a_wait_or_nothing(value: str) -> None:
    seconds = retry_after_s(value, NOW)
    assert seconds is None or 0 <= seconds < float("inf")
