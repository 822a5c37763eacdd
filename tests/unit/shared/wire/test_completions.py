import pytest

from shared.wire.completions import text_or_none, whole_number


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0), (7, 7), (2**31 - 1, 2**31 - 1), (2**31, None), (-1, None), (1.0, None), (True, None), ("7", None),
     (None, None)],
)  # fmt: skip
def test_whole_numbers_that_can_be_booked(value: object, number: int | None) -> None:
    assert whole_number(value) == number


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), ("", None), (None, None), (5, None), ("a\x00b", "ab"), ("x" * 201, "x" * 200)]
)
def test_text_that_can_be_booked(value: object, text: str | None) -> None:
    assert text_or_none(value) == text
