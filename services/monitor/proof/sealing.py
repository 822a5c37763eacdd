"""Seal days: read the rows beside what is sealed of them, sign what is new, publish it.

The signed text is made here, from rows that are hashed here. The database is trusted with nothing that was sealed once:
what is on the topic and not in the database is taken back from there, a row that differs from its digest is signed
again only when it has grown as events make it grow, a row that is gone stays missing, and after the seal of the day's
end both only hold of inferences that a monitor has signed as booked late.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import structlog

from services.monitor.proof.due import days_due, ready_at
from services.monitor.proof.items import PAGE_ENTRIES, Pause, items_of
from services.monitor.proof.late import genuine_ids
from services.monitor.proof.rows import FORM, FORMS, PARTS, Part, digest, has_grown
from services.monitor.proof.seals import FIRST_LINK, Seal, SignedSeal, called, differences, problems_of, sign
from services.monitor.proof.store import Kept, ProofStore
from services.monitor.proof.topic import published_seals
from services.monitor.proof.verifying import Item, Root
from services.monitor.recovery.lease import Lease, LeaseLostError
from shared.background import Periodic
from shared.crypto.signing import SigningKeys
from shared.db.failures import RETRYABLE as DATABASE_AWAY
from shared.errors import TallygateError
from shared.events import Now, new_id, utc_now
from shared.events.topics import SEALS
from shared.kafka.failures import RETRYABLE as BROKER_AWAY
from shared.kafka.publisher import Outgoing, Publisher

logger = structlog.get_logger(__name__)

LEASE_S = 30.0
_LOOK_EVERY_S = 300.0
_AGAIN_AFTER_S = 6 * 3600.0  # a day that cannot be sealed as it is
_LONGEST_REST_S = 1.0
_NAMED = 20  # rows that are not as they were sealed, in the log

Keep = Callable[[], Awaitable[None]]


class Sealed(NamedTuple):
    """seal: the newest of the day. is_new: it was made now. altered: rows that are not as they were sealed, which no
    further seal explains. examples: the first of them."""

    seal: Seal
    is_new: bool
    altered: int
    examples: Sequence[dict[str, str]]


class _Pages:
    """Writes entries beside the seal that is made, page by page."""

    def __init__(self, store: ProofStore, day: date) -> None:
        self._store = store
        self._day = day
        self.id: UUID = new_id()
        self.root = Root()
        self._part = PARTS[0]
        self._page = 0
        self._entries: list[bytes] = []

    async def add(self, part: Part, key: bytes, row_digest: bytes) -> None:
        if part is not self._part or len(self._entries) == PAGE_ENTRIES:
            await self.flush()
        if part is not self._part:
            self._part, self._page = part, 0
        self._entries.append(key + row_digest)
        self.root.add(part, key, row_digest)

    async def flush(self) -> None:
        if self._entries:
            await self._store.write_page(self._day, self.id, self._part, self._page, b"".join(self._entries))
            self._page, self._entries = self._page + 1, []


@dataclass(slots=True)
class _Scan:
    """altered: rows that are otherwise than they were sealed, or gone. examples: the first of them."""

    pages: _Pages
    added: int = 0
    grown: int = 0
    altered: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)

    def find_altered(self, item: Item) -> None:
        self.altered += 1
        if len(self.examples) < _NAMED:
            self.examples.append({"table": item.part.table, **item.part.ids(item.key)})


class Sealer:
    def __init__(self, store: ProofStore, publisher: Publisher, keys: SigningKeys, now: Now = utc_now) -> None:
        self._store = store
        self._publisher = publisher
        self._keys = keys
        self._now = now

    async def seal(self, day: date, after: timedelta, keep: Keep, *, paced: bool = False) -> Sealed:
        """To be called under the lease, which `keep` keeps. after: a day is over for so long before its rows are final.
        paced: at most half of the time is worked, for a process that does other things meanwhile.

        Raises TallygateError when the day cannot be sealed as it is or the broker is away, LeaseLostError."""
        pause = _pause(keep, paced)
        kept = await self._agreed()
        if day < (await self._store.kept_from()).date():
            raise _refused(f"{day} is no longer kept: its rows were dropped by retention", "tallygate books size")
        notes = await self._store.notes(day)
        await self._store.delete_unfinished(day)
        mine = [await self._with_digests(one, kept, pause) for one in kept if one.seal.seal.day == day]
        last = mine[-1].seal.seal if mine else None
        is_closed = last is not None and last.sealed_at >= ready_at(day, after)
        late = genuine_ids(await self._store.late_bookings(day), self._keys) if is_closed else None
        scan = await self._scan(day, mine, late, pause)
        if day < (await self._store.kept_from()).date():  # dropped meanwhile
            raise _refused(f"{day} was dropped by retention while it was read", "tallygate books size")
        now = self._now()
        if last is not None and not scan.added + scan.grown and (is_closed or now < ready_at(day, after)):
            await self._store.forget_notes(notes)
            return Sealed(last, is_new=False, altered=scan.altered, examples=scan.examples)
        head = kept[-1].seal if kept else None
        seal = Seal(
            number=len(kept) + 1, day=day, sequence=len(mine) + 1, sealed_at=now,
            rows=(last.rows if last else 0) + scan.added, added=scan.added, grown=scan.grown,
            root=scan.pages.root.hex(),
            previous=head.link if head else FIRST_LINK, key_id=self._keys.signing_kid, form=FORM,
        )  # fmt: skip
        signed = sign(self._keys, seal)
        await keep()
        if not await self._store.seal_day(signed, scan.pages.id, notes):
            raise LeaseLostError(str(day))
        await self._publish(signed)
        return Sealed(seal, is_new=True, altered=scan.altered, examples=scan.examples)

    async def _scan(self, day: date, sealed: Sequence[Kept], late: frozenset[bytes] | None, pause: Pause) -> _Scan:
        """Writes the digests of what is new and of what has grown. late: the inferences of which that may be, by their
        ids; None: of all, as the day has no seal of its end."""
        forms = {one.seal.seal.number: FORMS[one.seal.seal.form] for one in sealed}
        scan = _Scan(_Pages(self._store, day))
        async for item in items_of(self._store, day, sealed, pause):
            state = _state(item, forms, late)
            if state == "altered" or item.row is None:
                scan.find_altered(item)
            elif state != "as sealed":
                scan.added += state == "added"
                scan.grown += state == "grown"
                await scan.pages.add(item.part, item.key, digest(item.part, item.row))
        await scan.pages.flush()
        return scan

    async def _agreed(self) -> list[Kept]:
        """The seals, the same here and on the topic. Nothing there is ever replaced."""
        kept = await self._store.seals()
        on_topic = await self._published()
        here = {(one.seal.seal.day, one.seal.seal.sequence) for one in kept}
        missing = sorted(
            (seal for place, seal in on_topic.items() if place not in here), key=lambda one: one.seal.number
        )
        for seal in missing:
            await self._store.adopt(seal, self._now())
        if missing:
            kept = await self._store.seals()
        seals = [one.seal for one in kept]
        if wrong := [*problems_of(seals, self._keys), *differences(seals, on_topic)]:
            raise _refused("; ".join(wrong[:_NAMED]), "Nothing is sealed until it is mended: docs/proof.md")
        for one in kept:
            if (one.seal.seal.day, one.seal.seal.sequence) not in on_topic:
                await self._publish(one.seal)
        return kept

    async def _published(self) -> dict[tuple[date, int], SignedSeal]:
        try:
            return await published_seals(self._publisher.broker, self._keys)
        except BROKER_AWAY as error:
            raise TallygateError("unavailable", f"the broker cannot be read: {type(error).__name__}") from error

    async def _publish(self, seal: SignedSeal) -> None:
        await self._publisher.publish(Outgoing(SEALS, seal.event))
        await self._store.published(seal, self._now())

    async def _with_digests(self, one: Kept, all_kept: Iterable[Kept], pause: Pause) -> Kept:
        """A seal that came back from the topic has no digests: they are made anew, when the rows are still those that
        were signed. Raises TallygateError when they are not."""
        if one.pages is not None:
            return one
        seal = one.seal.seal
        if sum(other.seal.seal.day == seal.day for other in all_kept) == 1:
            scan = await self._scan(seal.day, [], None, pause)
            if scan.pages.root.hex() == seal.root:
                await self._store.found_whole(one.seal, scan.pages.id)
                return one._replace(pages=scan.pages.id)
        raise _refused(
            f"the digests of {called(seal)} are gone, and the rows are not those that were signed",
            f"tallygate audit --proof {seal.day}",
        )


class Sealing(Periodic):
    """Seals every day that is over, and days of which something was booked later once more."""

    def __init__(
        self, store: ProofStore, sealer: Sealer, lease: Lease, after_s: float,
        booked_to_the_end: Callable[[], Awaitable[bool]],
    ) -> None:  # fmt: skip
        super().__init__("sealing", self.look, _LOOK_EVERY_S, (*DATABASE_AWAY, *BROKER_AWAY, LeaseLostError),
                         at_once=False)  # fmt: skip
        self._store = store
        self._sealer = sealer
        self._lease = lease
        self._after = timedelta(seconds=after_s)
        self._booked_to_the_end = booked_to_the_end
        self._refused: dict[date, float] = {}  # loop time at which a day could not be sealed

    async def look(self) -> None:
        days = await self._due(utc_now())
        if not days or not await self._booked_to_the_end():
            return
        async with self._lease.turn() as mine:
            for day in days if mine else ():
                await self._seal(day)

    async def _due(self, now: datetime) -> list[date]:
        """What is booked of days that are no longer kept is sealed by nobody."""
        standing = await self._store.standing(now.date())
        if any(day < standing.kept_from.date() for day in standing.late):
            await self._store.forget_late(standing.kept_from.date())
        days = days_due(
            standing.first, standing.sealed, standing.late, standing.kept_from, now, self._after
        )  # fmt: skip
        time = asyncio.get_running_loop().time()
        self._refused = {day: at for day, at in self._refused.items() if time - at < _AGAIN_AFTER_S}
        return [day for day in days if day not in self._refused]

    async def _seal(self, day: date) -> None:
        try:
            done = await self._sealer.seal(day, self._after, self._lease.keep, paced=True)
        except TallygateError as error:
            if error.failure.error_type != "unavailable":
                self._refused[day] = asyncio.get_running_loop().time()
            logger.error("proof.not_sealed", day=str(day), reason=error.failure.detail)  # noqa: TRY400 - foreseen
        else:
            if done.altered:
                logger.error("proof.altered", day=str(day), rows=done.altered, first=done.examples)
            if done.is_new:
                logger.info("proof.sealed", day=str(day), seal=done.seal.number, rows=done.seal.rows)


def _state(item: Item, forms: Mapping[int, tuple[Part, ...]], late: frozenset[bytes] | None) -> str:
    if item.row is None:
        return "altered"
    may_be_new = late is None or item.key[:16] in late
    if not item.sealed:
        return "added" if may_be_new else "altered"
    number, sealed = item.sealed[-1]
    part = forms[number][item.part.number - 1]
    if digest(part, item.row) == sealed:
        return "as sealed"
    return "grown" if may_be_new and has_grown(part, item.row, sealed) else "altered"


def _pause(keep: Keep, paced: bool) -> Pause:
    loop = asyncio.get_running_loop()
    worked_since = loop.time()

    async def pause() -> None:
        nonlocal worked_since
        await asyncio.sleep(min(loop.time() - worked_since, _LONGEST_REST_S) if paced else 0)
        await keep()
        worked_since = loop.time()

    return pause


def _refused(detail: str, tip: str) -> TallygateError:
    return TallygateError("internal", detail, tips=(tip,))
