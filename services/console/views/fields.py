"""From what a form's fields say to the JSON that the gateway takes. What was left empty is left out."""

from collections.abc import Mapping
from typing import Any

from shared.errors import TallygateError

Fields = Mapping[str, str]


def text(fields: Fields, name: str) -> str | None:
    return fields.get(name, "").strip() or None


def number(fields: Fields, name: str, label: str) -> float | None:
    """Raises TallygateError (400) that names the field as the form does."""
    said = text(fields, name)
    try:
        return None if said is None else float(said)
    except ValueError:
        raise TallygateError("invalid_request", f"{label} must be a number", tips=()) from None


def whole(fields: Fields, name: str, label: str) -> int | None:
    """Raises TallygateError (400)."""
    said = text(fields, name)
    try:
        return None if said is None else int(said)
    except ValueError:
        raise TallygateError("invalid_request", f"{label} must be a whole number", tips=()) from None


def listed(fields: Fields, name: str) -> list[str]:
    """What stands in a field, separated by spaces, commas or lines."""
    return fields.get(name, "").replace(",", " ").split()


def price(fields: Fields) -> dict[str, float] | None:
    """Raises TallygateError (400) when only one of its two sides is given."""
    into, out = (
        number(fields, "input_price", "The price of input"),
        number(fields, "output_price", "The price of output"),
    )
    if into is None and out is None:
        return None
    if into is None or out is None:
        detail = "a price has two sides: give both, input and output (0 where nothing is charged)"
        raise TallygateError("invalid_request", detail, tips=())
    return {"input_per_mtok_usd": into, "output_per_mtok_usd": out}


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", [])}
