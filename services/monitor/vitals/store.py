"""The SQL of a scrape."""

from typing import NamedTuple

from shared.db.reads import Reads

# Open inferences have an index of their own.
_VITALS = """
SELECT count(*) AS open, pg_database_size(current_database()) AS bytes FROM monitor.inferences WHERE settlement IS NULL
"""


class Vitals(NamedTuple):
    open_inferences: int
    database_bytes: int


class VitalsStore:
    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def read(self) -> Vitals:
        """Raises TallygateError when it takes too long."""
        (row,) = await self._reads.fetch(None, _VITALS)
        return Vitals(row["open"], row["bytes"])
