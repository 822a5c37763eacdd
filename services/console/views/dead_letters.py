"""Dead letters as the page lists them, and which of them its form names."""

from collections.abc import Mapping
from typing import Any, NamedTuple

_FIELD = "letter "


class Letter(NamedTuple):
    """field: of the form, that chooses it; None: it cannot be published again. came_from: where it was read first."""

    field: str | None
    came_from: str
    told: Mapping[str, Any]


class LettersOfTopic(NamedTuple):
    """more: how many are kept beside those that are shown."""

    topic: str
    letters: list[Letter]
    more: int


def topics_of(listed: Mapping[str, Any]) -> list[LettersOfTopic]:
    """Those that have any. listed: of GET /api/dead-letters."""
    return [
        LettersOfTopic(one["topic"], list(map(_letter, one["entries"])), max(0, one["kept"] - len(one["entries"])))
        for one in listed["topics"]
        if one["entries"]
    ]


def chosen_letters(fields: Mapping[str, str]) -> list[str]:
    """Their ids."""
    return [name.removeprefix(_FIELD) for name in fields if name.startswith(_FIELD)]


def _letter(told: Mapping[str, Any]) -> Letter:
    partition, offset = told["source_partition"], told["source_offset"]
    place = "" if partition is None or offset is None else f"partition {partition}, offset {offset}"
    return Letter(None if told["left_out"] else _FIELD + told["id"], place, told)
