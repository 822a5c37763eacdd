"""What a form's fields become, and what is said of those that make no sense."""

import pytest

from services.console.views.fields import listed, number, price, text, whole
from shared.errors import TallygateError


def test_what_is_empty_or_missing_is_nothing() -> None:
    fields = {"a": "  ", "b": " x "}
    assert (text(fields, "a"), text(fields, "b"), text(fields, "c")) == (None, "x", None)
    assert (number(fields, "a", "A"), whole(fields, "c", "C"), price(fields)) == (None, None, None)


@pytest.mark.parametrize("said", ["x", "1,5", "--1", "1e"])
def test_what_is_no_number_is_named_as_the_form_does(said: str) -> None:
    with pytest.raises(TallygateError, match="The timeout must be a number"):
        number({"timeout_s": said}, "timeout_s", "The timeout")
    with pytest.raises(TallygateError, match="Burst must be a whole number"):
        whole({"burst": said}, "burst", "Burst")


def test_a_price_has_two_sides() -> None:
    assert price({"input_price": "0.5", "output_price": "0"}) == {"input_per_mtok_usd": 0.5, "output_per_mtok_usd": 0}
    with pytest.raises(TallygateError, match="two sides"):
        price({"input_price": "0.5", "output_price": ""})


def test_patterns_are_separated_by_whatever_people_write_between_them() -> None:
    assert listed({"p": "custom:*, openai:gpt-5\nopenai:o1 "}, "p") == ["custom:*", "openai:gpt-5", "openai:o1"]
