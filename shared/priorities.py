"""How urgent an inference is: which of those that wait goes first."""

from typing import Literal, get_args

Priority = Literal["interactive", "normal", "bulk"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)  # the most urgent first


def capped(asked: Priority, most: Priority | None) -> Priority:
    """As asked, or what is granted at most. None: no cap."""
    return asked if most is None else max(asked, most, key=PRIORITIES.index)
