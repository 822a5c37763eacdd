"""A model on trial: how its copies compare with the requests that they are copies of."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Side(NamedTuple):
    """told: what one of the two came to. copies: whether it is that of the model on trial."""

    model: str
    copies: bool
    pairs: int
    told: Mapping[str, Any]

    @property
    def errors(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in self.told["by_error_type"].items())


class Trials(NamedTuple):
    """Of one model. share: of the tenant's chats that it gets copies of; None: it is not on trial now. sides: two for
    each pair of models of which it is one. not_made: copies, of whichever model."""

    share: float | None
    sides: list[Side]
    not_made: int


def trials(model_id: str, terms: Mapping[str, Any] | None, compared: Mapping[str, Any] | None) -> Trials | None:
    """None where nothing is to be said. terms: of GET /api/shadow; compared: of GET /api/monitoring/shadows."""
    share = terms["share"] if terms and terms["model"] == model_id else None
    groups = compared["groups"] if compared else ()
    sides = [
        side
        for group in groups
        if model_id in (group["model"], group["shadow_model"])
        for side in (
            Side(group["model"], False, group["pairs"], group["original"]),
            Side(group["shadow_model"] or "unknown", True, group["pairs"], group["shadow"]),
        )
    ]
    return Trials(share, sides, compared["not_made"] if compared else 0) if sides or share is not None else None
