from typing import Any

import pytest

from shared.wire.reading.values import read_json, text_or_none, whole_number


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0), (7, 7), (2**31 - 1, 2**31 - 1), (2**31, None), (-1, None), (12.0, 12), (12.5, None), (True, None),
     ("12", 12), (" 12.0 ", 12), ("-1", None), ("twelve", None), ("9" * 5000, None), (float("inf"), None),
     (None, None)],
)  # fmt: skip
def test_whole_numbers_that_can_be_booked(value: object, number: int | None) -> None:
    assert whole_number(value) == number


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), ("", None), (None, None), (5, None), ("a\x00b", "ab"), ("x" * 201, "x" * 200)]
)
def test_text_that_can_be_booked(value: object, text: str | None) -> None:
    assert text_or_none(value) == text


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": NaN, "b": [-Infinity]}', {"a": None, "b": [None]}),
        (b'{"a": "half of a pair: \\ud83d"}', {"a": "half of a pair: \ufffd"}),
        (b'{"a": "\\ud83d\\ude00", "b": NaN}', {"a": "\U0001f600", "b": None}),
        (b'{"a": "a cut character: \xf0\x9f"}', {"a": "a cut character: \ufffd"}),
    ],
    ids=["byte order mark", "numbers that are none", "lone surrogate", "pair of surrogates", "no UTF-8"],
)
def test_what_the_sdks_read_is_read_and_written_anew(data: bytes, value: Any) -> None:
    assert read_json(data) == (value, False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"upstream timed out",
        b"<html>",
        b"NaN",
        b'{"a": 1',
        b"[" * 100_000,
        b'{"a": 1e999}',
        b'{"a": NaN%s}' % (b" " * 2**20),
    ],
    ids=["nothing", "text", "page", "a constant", "cut", "deep", "beyond floats", "too large to be read loosely"],
)
def test_what_is_no_json_to_anybody(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(data)
