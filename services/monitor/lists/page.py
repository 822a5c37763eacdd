"""Pure: one page of a list that goes back in time, from what two readings of the books have found."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.monitor.cursors import Place

Row = Mapping[str, Any]


class Found(NamedTuple):
    """What was read for a page of at most n: the first n + 1 that match of what is open, and of what is settled; each
    with its `place`. looked_to: of what is settled no more was looked at than to there; None: all of the range."""

    open: Sequence[Row]
    settled: Sequence[Row]
    looked_to: Place | None


class Page(NamedTuple):
    """The newest first. next: where the next page goes on; None: there is no more in the range. A page may hold fewer
    than were asked for, or none, and have a next one: so far the books were looked through."""

    rows: list[Row]
    next: Place | None


def page(found: Found, limit: int) -> Page:
    rows = sorted((*found.open, *found.settled), key=_place, reverse=True)
    if found.looked_to is not None:
        rows = [row for row in rows if _place(row) >= found.looked_to]
    if len(rows) > limit:
        return Page(rows[:limit], _place(rows[limit - 1]))
    return Page(rows, found.looked_to)


def looked_to(read: Page, since: datetime) -> datetime:
    return since if read.next is None else read.next.at


def _place(row: Row) -> Place:
    place: Place = row["place"]
    return place
