"""Rows of a day as the database gives them, made by booking events, and seals of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from services.monitor.books.books import Booked, fold
from services.monitor.proof.rows import ATTEMPTS, FORM, INFERENCES, LATE_WORDS, PARTS, Part, digest
from services.monitor.proof.seals import FIRST_LINK, Seal, SignedSeal, sign
from services.monitor.proof.verifying import Item, Root
from shared.crypto.signing import SigningKeys, new_signing_key

DAY = date(2026, 11, 23)
SEALED_AT = datetime(2026, 11, 24, 0, 15, tzinfo=UTC)
KEYS = SigningKeys.parse(new_signing_key())

Rows = dict[tuple[int, bytes], dict[str, Any]]
Digests = dict[tuple[int, bytes], bytes]


def rows_of(events: Iterable[Booked]) -> Rows:
    """By part and key, in order."""
    books = fold(events)
    late = [
        {"event_id": event.event_id, "inference_id": event.inference_id, "attempt_id": None, "ce_type": event.ce_type,
         "body": event.model_dump(mode="json")}
        for event in books.late.values()
    ]  # fmt: skip
    found = [(INFERENCES, row) for row in books.inferences.values()]
    found += [(ATTEMPTS, _as_read(row)) for row in books.attempts.values()]
    found += [(LATE_WORDS, row) for row in late]
    return dict(sorted(((part.number, part.key_of(row)), row) for part, row in found))


def _as_read(attempt: dict[str, Any]) -> dict[str, Any]:
    return attempt if attempt["on_record"] else attempt | {"on_record": None, "started_at": None}


def part_of(place: tuple[int, bytes]) -> Part:
    return PARTS[place[0] - 1]


def digests_of(rows: Rows) -> Digests:
    return {place: digest(part_of(place), row) for place, row in rows.items()}


def sealed(before: Sequence[SignedSeal], entries: Digests, *, day: date = DAY, grown: int = 0) -> SignedSeal:
    """The next seal, of these entries."""
    root, mine = Root(), [one.seal for one in before if one.seal.day == day]
    for place, row_digest in sorted(entries.items()):
        root.add(part_of(place), place[1], row_digest)
    rows = (mine[-1].rows if mine else 0) + len(entries) - grown
    seal = Seal(
        len(before) + 1, day, len(mine) + 1, SEALED_AT, rows, len(entries) - grown, grown, root.hex(),
        before[-1].link if before else FIRST_LINK, KEYS.signing_kid, FORM,
    )  # fmt: skip
    return sign(KEYS, seal)


def items(rows: Rows, sealed_by: Mapping[int, Digests]) -> list[Item]:
    """sealed_by: number of a seal to its entries."""
    places = sorted({*rows, *(place for entries in sealed_by.values() for place in entries)})
    return [
        Item(part_of(place), place[1], rows.get(place),
             [(number, entries[place]) for number, entries in sealed_by.items() if place in entries])
        for place in places
    ]  # fmt: skip


def resigned(seal: SignedSeal, **changes: Any) -> SignedSeal:
    """As somebody makes it who has the key."""
    return sign(KEYS, replace(seal.seal, **changes))
