"""The table of read offsets of one service."""

from collections.abc import Iterable, Mapping

from shared.db.store import Place, ReadOffsets, WentBackError
from tests.support.memory.turns import Turn, at_once


class MemoryReadOffsets(ReadOffsets):
    """`rows` outlive it when they are given."""

    def __init__(self, rows: dict[Place, int] | None = None, turn: Turn = at_once) -> None:
        self.rows = {} if rows is None else rows
        self.away = 0  # so often it cannot be written
        self._turn = turn

    async def advance(self, read: Mapping[Place, range]) -> None:
        await self._turn("advance", lambda: self._advance(read))

    def _advance(self, read: Mapping[Place, range]) -> None:
        self.away -= 1
        if self.away >= 0:
            raise ConnectionRefusedError
        behind = {place: self.rows.get(place, 0) for place, offsets in read.items()}
        behind = {place: kept for place, kept in behind.items() if kept < read[place].start}
        if behind:
            raise WentBackError(behind)
        for place, offsets in read.items():
            self.rows[place] = max(self.rows.get(place, 0), offsets.stop)

    async def kept(self, topics: Iterable[str]) -> dict[Place, int]:
        wanted = set(topics)
        return await self._turn(
            "kept", lambda: {place: kept for place, kept in self.rows.items() if place[0] in wanted}
        )
