"""What was booked of a day of the past, and by whom: the monitor signs the ids with what it books.

A row that appears in a day, or grows, after the seal of its end is sealed further only when its inference is among
these. Whoever has the database alone can put rows in, and cannot have them sealed.
"""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from services.monitor.books.store import Sign
from shared.crypto.signing import SigningKeys

_BEGINS = b"tallygate.late.1\n"
_ID_BYTES = 16


class LateBooking(NamedTuple):
    """ids: of inferences, 16 bytes each. signature: None when who booked them has no key."""

    note: int
    day: date
    ids: bytes
    signature: bytes | None


def signer(keys: SigningKeys) -> Sign:
    return lambda day, ids: keys.sign(_signed_text(day, ids))


def genuine_ids(bookings: Iterable[LateBooking], keys: SigningKeys) -> frozenset[bytes]:
    """Of inferences; those that are not signed by one of the keys count for nothing."""
    return frozenset(
        booking.ids[at : at + _ID_BYTES]
        for booking in bookings
        if booking.signature is not None
        and keys.any_verifies(booking.signature, _signed_text(booking.day, booking.ids))
        for at in range(0, len(booking.ids), _ID_BYTES)
    )


def _signed_text(day: date, ids: bytes) -> bytes:
    return _BEGINS + day.isoformat().encode() + b"\n" + ids
