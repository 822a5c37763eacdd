"""Groups of errors as the page shows them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

from shared.errors import CATALOGUE, ErrorType

AUTO = "auto"


class ErrorGroup(NamedTuple):
    """title: of the catalogue. share: of the largest group, in percent. href: the inferences behind it."""

    title: str
    share: float
    href: str
    told: Mapping[str, Any]


def error_groups(groups: Sequence[Mapping[str, Any]], query: Mapping[str, str]) -> list[ErrorGroup]:
    """query: of the range, which the links keep."""
    most = max((group["count"] for group in groups), default=0) or 1
    return [
        ErrorGroup(
            _title(group["error_type"]),
            round(100 * group["count"] / most, 1),
            "/inferences?" + urlencode({**query, **_filters(group)}),
            group,
        )
        for group in groups
    ]


def _title(error_type: str) -> str:
    kind = CATALOGUE.get(cast(ErrorType, error_type))
    return kind.title if kind else (error_type or "no error on record")


def _filters(group: Mapping[str, Any]) -> dict[str, str]:
    """Of a request that ended without an error of its own, the group has the state as its type, and the model that was
    asked for, which the list does not know where none was called."""
    error_type, model = group["error_type"], group["model"]
    found = {"error_type" if error_type in CATALOGUE else "state": error_type} if error_type else {}
    return found if model in ("", AUTO) else {**found, "model": model}
