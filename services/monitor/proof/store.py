"""The SQL of the proof: rows of a day in order, digests beside them, and the seals."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from services.monitor.proof.late import LateBooking
from services.monitor.proof.rows import Part, Row
from services.monitor.proof.seals import SignedSeal
from services.monitor.retention.days import first_id, midnight
from shared.db.pool import Pool

ROWS = 1000  # of one statement: some milliseconds of the process that hashes them
_TIMEOUT_S = 60.0  # nobody waits for it

_ROWS = """
SELECT {columns} FROM monitor.{table}
WHERE inference_id >= $1 AND inference_id < $2 AND ({key}) > ({after}) ORDER BY {key} LIMIT {rows}
"""
_FIRST_ROWS = """
SELECT {columns} FROM monitor.{table} WHERE inference_id >= $1 AND inference_id < $2 ORDER BY {key} LIMIT {rows}
"""
# Of a call whose start is not on record (yet), what only that tells is hashed as if it were NULL.
_AS_HASHED = {
    "on_record": "nullif(on_record, false) AS on_record",
    "started_at": "CASE WHEN on_record THEN started_at END AS started_at",
}

_PAGE = "SELECT entries FROM monitor.digests WHERE at = $1 AND pages = $2 AND part = $3 AND page = $4"
_WRITE_PAGE = "INSERT INTO monitor.digests (at, pages, part, page, entries) VALUES ($1, $2, $3, $4, $5)"
_DELETE_UNFINISHED = """
DELETE FROM monitor.digests WHERE at = $1 AND pages NOT IN (SELECT pages FROM monitor.seals WHERE pages IS NOT NULL)
"""

_SEALS = "SELECT signed, signature, pages, published_at IS NOT NULL AS is_published FROM monitor.seals ORDER BY number"
_ADD_SEAL = """
INSERT INTO monitor.seals (number, day, sequence, signed, signature, sealed_at, pages, published_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING true
"""
_SEAL_DAY = f"""
WITH sealed AS ({_ADD_SEAL}), told AS (DELETE FROM monitor.late_bookings WHERE note = ANY($9)) SELECT * FROM sealed
"""  # noqa: S608 - only constants are joined

_FIRST = """
SELECT inference_id FROM monitor.inferences WHERE inference_id >= $1 AND inference_id < $2
ORDER BY inference_id LIMIT 1
"""
_MARK = """
SELECT (SELECT count(*) FROM monitor.seals), (SELECT max(note) FROM monitor.late_bookings WHERE day = $1),
       (SELECT kept_from FROM monitor.retention)
"""
_LAST_SEALED = "SELECT day, max(sealed_at) AS sealed_at FROM monitor.seals WHERE day >= $1 GROUP BY day"


class Kept(NamedTuple):
    """A seal as the database has it. pages: whose digests are beside it; None: there are none."""

    seal: SignedSeal
    pages: UUID | None
    is_published: bool


class Standing(NamedTuple):
    """first: the first kept day of which there is something. sealed: when each day was sealed last. late: days of
    the past of which something was booked since."""

    kept_from: datetime
    first: date | None
    sealed: Mapping[date, datetime]
    late: frozenset[date]


class ProofStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def standing(self, today: date) -> Standing:
        kept_from = await self.kept_from()
        first: UUID | None = await self._pool.fetchval(
            _FIRST, first_id(kept_from.date()), first_id(today), timeout=_TIMEOUT_S
        )
        sealed = await self._pool.fetch(_LAST_SEALED, kept_from.date())
        late = await self._pool.fetch("SELECT DISTINCT day FROM monitor.late_bookings")
        return Standing(
            kept_from, None if first is None else _day_in(first), {row["day"]: row["sealed_at"] for row in sealed},
            frozenset(row["day"] for row in late),
        )  # fmt: skip

    async def kept_from(self) -> datetime:
        at: datetime = await self._pool.fetchval("SELECT kept_from FROM monitor.retention")
        return at

    async def late_bookings(self, day: date) -> list[LateBooking]:
        """Whoever has read what was noted finds the rows."""
        rows = await self._pool.fetch("SELECT * FROM monitor.late_bookings WHERE day = $1", day)
        return [LateBooking(row["note"], row["day"], row["ids"], row["signature"]) for row in rows]

    async def mark(self, day: date) -> tuple[Any, ...]:
        """Another one when something was sealed, or booked of this day, or is no longer kept."""
        row = await self._pool.fetchrow(_MARK, day)
        return tuple(row or ())

    async def notes(self, day: date) -> list[int]:
        """Of what was booked late, without what: of a day that is not sealed yet that may be much."""
        rows = await self._pool.fetch("SELECT note FROM monitor.late_bookings WHERE day = $1", day)
        return [row["note"] for row in rows]

    async def forget_late(self, before: date) -> None:
        """Of days that are no longer kept."""
        await self._pool.execute("DELETE FROM monitor.late_bookings WHERE day < $1", before)

    async def forget_notes(self, notes: Sequence[int]) -> None:
        await self._pool.execute("DELETE FROM monitor.late_bookings WHERE note = ANY($1)", notes)

    async def rows(self, part: Part, day: date, after: bytes | None) -> list[tuple[bytes, Row]]:
        """The next rows of the day in order of their keys: fewer than ROWS when these are the last ones."""
        ids = [] if after is None else [UUID(bytes=after[at : at + 16]) for at in range(0, len(after), 16)]
        statement = (_ROWS if ids else _FIRST_ROWS).format(
            columns=", ".join(_AS_HASHED.get(column, column) for column in part.columns), table=part.table,
            key=", ".join(part.key), after=", ".join(f"${place}" for place in _places(ids)), rows=ROWS,
        )  # fmt: skip
        since = ids[0] if ids else first_id(day)
        found = await self._pool.fetch(
            statement, since, first_id(day + timedelta(days=1)), *ids[1:], timeout=_TIMEOUT_S
        )  # fmt: skip
        rows: list[Row] = [dict(row) for row in found]
        return [(part.key_of(row), row) for row in rows]

    async def page(self, day: date, pages: UUID, part: Part, page: int) -> bytes | None:
        entries: bytes | None = await self._pool.fetchval(_PAGE, midnight(day), pages, part.number, page)
        return entries

    async def write_page(self, day: date, pages: UUID, part: Part, page: int, entries: bytes) -> None:
        await self._pool.execute(_WRITE_PAGE, midnight(day), pages, part.number, page, entries)

    async def delete_unfinished(self, day: date) -> None:
        """Digests that belong to no seal: whoever wrote them has died."""
        await self._pool.execute(_DELETE_UNFINISHED, midnight(day), timeout=_TIMEOUT_S)

    async def seals(self) -> list[Kept]:
        """All of them, in order of their numbers. Raises ValueError when one is not the text of a seal."""
        return [
            Kept(SignedSeal.read(row["signed"], row["signature"]), row["pages"], row["is_published"])
            for row in await self._pool.fetch(_SEALS)
        ]

    async def seal_day(self, seal: SignedSeal, pages: UUID, notes: Sequence[int]) -> bool:
        """False: another one has its number or place, so somebody else has sealed meanwhile."""
        return bool(await self._pool.fetchval(_SEAL_DAY, *_columns(seal), pages, None, notes))

    async def adopt(self, seal: SignedSeal, now: datetime) -> None:
        """One that is on the topic and was missing here: there are no digests of it."""
        await self._pool.execute(_ADD_SEAL, *_columns(seal), None, now)

    async def found_whole(self, seal: SignedSeal, pages: UUID) -> None:
        """Its digests were made anew from the rows, and are what was signed."""
        await self._pool.execute("UPDATE monitor.seals SET pages = $2 WHERE number = $1", seal.seal.number, pages)

    async def published(self, seal: SignedSeal, now: datetime) -> None:
        await self._pool.execute("UPDATE monitor.seals SET published_at = $2 WHERE number = $1", seal.seal.number, now)


def _places(ids: Sequence[UUID]) -> list[int]:
    """Of the parameters that hold a key: its first id is also the beginning of the range."""
    return [1, 3][: len(ids)]


def _columns(seal: SignedSeal) -> tuple[Any, ...]:
    told = seal.seal
    return told.number, told.day, told.sequence, seal.signed, seal.signature, told.sealed_at


def _day_in(inference_id: UUID) -> date:
    return date(1970, 1, 1) + timedelta(milliseconds=inference_id.int >> 80)
