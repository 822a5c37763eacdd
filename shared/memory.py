"""A memory that is bounded in entries and, where wanted, in age."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memory(Generic[K, V]):
    """The newest `most` entries, none older than `for_s` seconds; `put` removes those beyond either bound."""

    def __init__(self, most: int, for_s: float = float("inf")) -> None:
        self._most = most
        self._for_s = for_s
        self._entries: OrderedDict[K, tuple[V, float]] = OrderedDict()  # the oldest first; with the time of its `put`

    def put(self, key: K, value: V, now_s: float = 0.0) -> None:
        """now_s: of a clock that never goes back; it matters only where `for_s` is given."""
        self._entries[key] = value, now_s
        self._entries.move_to_end(key)
        while self._is_over(now_s):
            self._entries.popitem(last=False)

    def get(self, key: K) -> V | None:
        entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def forget(self, key: K) -> None:
        self._entries.pop(key, None)

    def values(self) -> Iterator[V]:
        return (value for value, _ in self._entries.values())

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def _is_over(self, now_s: float) -> bool:
        _, oldest_s = next(iter(self._entries.values()))
        return len(self._entries) > self._most or now_s - oldest_s >= self._for_s
