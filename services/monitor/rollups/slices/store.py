"""The minutes that run of tenants that are busy: of these there are sums by slice.

A minute is sliced once it has many requests, so that others are not summed up twice; its slices are dropped when it is
over. What is booked of it later is summed up from the books, as it is where a minute never was sliced.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from services.monitor.rollups.steps import MINUTE, beginning
from services.monitor.rollups.sums.store import BY_KEY, OF_ALL_KEYS, at_pairs
from services.monitor.slices import SLICE
from shared.db.pool import Connection

SLICED = (*OF_ALL_KEYS, *BY_KEY)
BUSY = 5000  # requests that a minute has when it is sliced

_AMONG = """
SELECT tenant_id, at FROM monitor.sliced_minutes
JOIN unnest($1::text[], $2::timestamptz[]) AS asked (tenant_id, at) USING (tenant_id, at)
"""
_BEGIN = f"""
INSERT INTO monitor.sliced_minutes (tenant_id, at)
SELECT old.tenant_id, old.at FROM monitor.requests_by_minute AS old, {at_pairs("old")} AND passed_over = ''
GROUP BY 1, 2 HAVING sum(requests) >= $3 RETURNING tenant_id, at
"""  # noqa: S608 - only constants are joined
_END = "DELETE FROM monitor.sliced_minutes WHERE at <= $1"


class Part(NamedTuple):
    """A minute, or a slice of one, of a tenant."""

    tenant_id: str
    at: datetime

    @property
    def minute(self) -> "Part":
        """That holds it."""
        return Part(self.tenant_id, beginning(self.at, "minute"))


async def sliced_among(connection: Connection, minutes: Collection[Part]) -> set[Part]:
    return {Part(*row) for row in await connection.fetch(_AMONG, *columns(minutes))}


async def begin_slicing(connection: Connection, minutes: Collection[Part], busy: int) -> list[Part]:
    """Those of these minutes that have so many requests. Returns all their slices, which are to be summed up."""
    begun = await connection.fetch(_BEGIN, *columns(minutes), busy)
    slices = range(MINUTE // SLICE)
    return [Part(row["tenant_id"], row["at"] + number * SLICE) for row in begun for number in slices]


async def end_slicing(connection: Connection, begun_before: datetime) -> None:
    """Minutes that began by then are sliced no more."""
    if await connection.execute(_END, begun_before) != "DELETE 0":
        for kind in SLICED:
            await connection.execute(f"DELETE FROM {kind.table('slice')} WHERE at < $1", begun_before + MINUTE)  # noqa: S608


def columns(parts: Collection[Part]) -> tuple[list[str], list[datetime]]:
    """Tenants and times."""
    return [part.tenant_id for part in parts], [part.at for part in parts]
