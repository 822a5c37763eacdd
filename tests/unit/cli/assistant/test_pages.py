"""Whatever the gateway answers, a page is small enough to be read at once, and nothing is lost between pages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.assistant.pages import PAGE_BYTES, fits, page_of, shortened
from shared.client import ProblemError


def body(sizes: list[int]) -> dict[str, Any]:
    return {"items": [{"n": n, "text": "x" * size} for n, size in enumerate(sizes)], "as_of": "now"}


@given(st.lists(st.integers(0, PAGE_BYTES - 1000), max_size=30))
def test_pages_fit_and_together_are_the_whole_list(sizes: list[int]) -> None:
    whole, told, cursor, pages = body(sizes), [], None, 0
    while cursor is not None or pages == 0:
        page = page_of(whole, "items", cursor)
        assert fits({**page, "next_cursor": None})
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
    many = {"by_model": {f"custom:{n}": "x" * 1000 for n in range(100)}, "total": 3}
    short = shortened(many, "by_model")
    assert fits(short | {"by_model_left_out": 0})
    assert len(short["by_model"]) + short["by_model_left_out"] == 100
    assert next(iter(short["by_model"])) == "custom:0"
    assert shortened({"a": [1, 2]}, "a") == {"a": [1, 2]}
