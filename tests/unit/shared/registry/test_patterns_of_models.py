"""Patterns of model ids: as fnmatch reads their stars, and quick whatever they are."""

import time
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.events import RoutingOptions
from shared.registry.terms import matches

_TEXT = st.text("ab:*", max_size=12)


@given(_TEXT, _TEXT.map(lambda text: text.replace("*", "")))
def test_a_star_stands_for_anything(pattern: str, model_id: str) -> None:
    assert matches([pattern], model_id) == fnmatchcase(model_id, pattern)


@pytest.mark.parametrize("patterns", [["*" * 17], ["a*" * 17], ["a"] * 101, ["a\x00"]])
def test_a_request_has_few_patterns_with_few_stars(patterns: list[str]) -> None:
    with pytest.raises(ValidationError):
        RoutingOptions(allowed_models=tuple(patterns))


def test_all_that_a_request_may_have_are_held_against_a_thousand_models_in_a_moment() -> None:
    worst = [f"{'*a' * 14}*b{number}*" for number in range(100)]
    assert RoutingOptions(allowed_models=tuple(worst))

    began = time.thread_time()
    assert not any(matches(worst, "a" * 250) for _ in range(1000))

    assert time.thread_time() - began < 20.0  # measured: 0.3; what tries every place of every star takes hours
