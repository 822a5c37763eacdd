"""Whatever the gateway answers, a page is small enough to be read at once, and nothing is lost between pages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.assistant.pages import PAGE_BYTES, first_of, fits, page_of, shortened
from shared.client import ProblemError


def body(sizes: list[int]) -> dict[str, Any]:
    return {"items": [{"n": n, "text": "x" * size} for n, size in enumerate(sizes)], "as_of": "now"}


@given(st.lists(st.integers(0, PAGE_BYTES - 1000), max_size=30))
def test_pages_fit_and_together_are_the_whole_list(sizes: list[int]) -> None:
    whole, told, cursor, pages = body(sizes), [], None, 0
    while cursor is not None or pages == 0:
        page = page_of(whole, "items", cursor)
        assert fits(page)
        assert page["as_of"] == "now"
        told += page["items"]
        cursor, pages = page["next_cursor"], pages + 1
    assert told == whole["items"]


def test_an_item_that_no_page_can_hold_is_refused_with_what_to_do() -> None:
    with pytest.raises(ProblemError) as raised:
        page_of(body([PAGE_BYTES]), "items", None)
    assert raised.value.problem.tips == ("Ask for a shorter span, or a larger step.",)


@pytest.mark.parametrize("cursor", ["-1", "x", "", "9" * 20, "٣"], ids=ascii)
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    with pytest.raises(ProblemError):
        page_of(body([1]), "items", cursor)


def test_what_does_not_fit_is_counted() -> None:
    short = shortened(body([1000] * 100), "items")
    assert fits(short)
    assert 0 < len(short["items"]) == 100 - short["items_left_out"]
    assert shortened(body([1]), "items") == body([1])


def test_the_first_of_a_list_and_of_an_object() -> None:
    assert first_of({"a": [1, 2, 3]}, "a", 2) == {"a": [1, 2], "a_left_out": 1}
    assert first_of({"a": {"x": 1, "y": 2}}, "a", 1) == {"a": {"x": 1}, "a_left_out": 1}
    assert first_of({"a": [1]}, "a", 1) == {"a": [1]}
