"""Pure: those who wait for the same thing, each in the lane of its priority, and whose turn is next.

The most urgent lane goes first, and in a lane who came first. A lane that was passed over so many times in a row while
somebody waited in it, has the next turn: nobody waits for ever, however much there is that is more urgent.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

from shared.priorities import PRIORITIES, Priority

# Turns in a row that others have first. So bulk has a tenth of the turns at least, and normal a quarter of the rest.
PATIENCE: dict[Priority, int] = {"interactive": 0, "normal": 3, "bulk": 9}

Item = TypeVar("Item")


class Lanes(Generic[Item]):
    def __init__(self) -> None:
        self._lanes: dict[Priority, OrderedDict[Item, None]] = {}
        self._passed: dict[Priority, int] = {}

    def __bool__(self) -> bool:
        return bool(self._lanes)

    def __iter__(self) -> Iterator[Item]:
        for priority in PRIORITIES:
            yield from self._lanes.get(priority, ())

    def add(self, item: Item, priority: Priority, *, first: bool = False) -> None:
        """first: before all others of its lane; it has waited before."""
        lane = self._lanes.setdefault(priority, OrderedDict())
        lane[item] = None
        if first:
            lane.move_to_end(item, last=False)

    def remove(self, item: Item, priority: Priority) -> None:
        """Without a turn."""
        lane = self._lanes[priority]
        del lane[item]
        if not lane:
            del self._lanes[priority]
            self._passed.pop(priority, None)

    def waits(self, priority: Priority) -> bool:
        """Whether somebody waits who is as urgent, or more."""
        return any(lane in self._lanes for lane in PRIORITIES[: PRIORITIES.index(priority) + 1])

    def next(self) -> Item:
        """Whose turn it is. It does not wait any more. At least one must."""
        served = self._whose_turn()
        item = next(iter(self._lanes[served]))
        for priority in PRIORITIES[PRIORITIES.index(served) + 1 :]:
            if priority in self._lanes:
                self._passed[priority] = self._passed.get(priority, 0) + 1
        self._passed.pop(served, None)
        self.remove(item, served)
        return item

    def _whose_turn(self) -> Priority:
        waiting = [priority for priority in PRIORITIES if priority in self._lanes]
        tired = (priority for priority in reversed(waiting) if self._passed.get(priority, 0) >= PATIENCE[priority])
        return next(tired, waiting[0])
