"""A promise, as a row of the table."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_SHOWN = 5


class Promise(NamedTuple):
    """wrong: what breaks it, by name; kept when there is nothing."""

    name: str
    counts: str
    wrong: Sequence[str]

    @property
    def kept(self) -> bool:
        return not self.wrong


def some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_SHOWN]) + (" ..." if len(ids) > _SHOWN else "")


def by_kind(kinds: Counter[str]) -> str:
    told: Iterable[str] = (f"{n} {kind}" for kind, n in kinds.most_common())
    return f" ({', '.join(told)})" if kinds else ""
