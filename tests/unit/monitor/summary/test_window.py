from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.summary.window import parse_window
from shared.errors import TallygateError


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1s", timedelta(seconds=1)),
        ("15m", timedelta(minutes=15)),
        ("1h", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
        ("90d", timedelta(days=90)),
        ("007m", timedelta(minutes=7)),
    ],
)
def test_a_window_is_a_number_and_a_unit(text: str, span: timedelta) -> None:
    assert parse_window(text) == span


@pytest.mark.parametrize(
    "text", ["", "1", "h", "1w", "1H", " 1h", "1h ", "1h\n", "-1h", "+1h", "1.5h", "1h30m", "0s", "0d", "91d", "2161h",
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
    assert timedelta(0) < span <= timedelta(days=90)
