"""Pure: which sums, of days, hours and minutes, make up a span of time, and what must be read from the books."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from services.monitor.rollups.steps import STEPS, Step, beginning, end

_LONG = timedelta(hours=1)  # a span that is longer is one of whole minutes


class Fresh(NamedTuple):
    """What is not summed up (yet), of one tenant: minutes whose calls are booked; hours and days whose minutes and
    hours are summed up."""

    minutes: Collection[datetime]
    hours: Collection[datetime]
    days: Collection[datetime]


@dataclass(slots=True)
class Cover:
    """What covers the span from `since` until `until`, in parts that do not overlap: days, hours and minutes by their
    beginnings, and spans (since, until) that are counted in the books."""

    since: datetime
    until: datetime
    days: list[datetime] = field(default_factory=list)
    hours: list[datetime] = field(default_factory=list)
    minutes: list[datetime] = field(default_factory=list)
    spans: list[tuple[datetime, datetime]] = field(default_factory=list)


def whole(since: datetime, until: datetime, gone_before: datetime) -> tuple[datetime, datetime]:
    """The span that is read: a longer one than an hour is widened to whole minutes, and where minutes are gone to whole
    hours."""
    if until - since > _LONG:
        since, until = beginning(since, "minute"), end(until, "minute")
    if since < gone_before:
        since = beginning(since, "hour")
    if until < gone_before:
        until = end(until, "hour")
    return since, until


def cover(since: datetime, until: datetime, fresh: Fresh, largest: Step = "day") -> Cover:
    """In UTC, by steps up to the largest. What is not of a whole minute is counted in the books."""
    hours = {*fresh.hours, *(beginning(at, "hour") for at in fresh.minutes)}
    fresh = Fresh(fresh.minutes, hours, {*fresh.days, *(beginning(at, "day") for at in hours)})
    found = Cover(since, until)
    first, last = end(since, "minute"), beginning(until, "minute")
    if first > last:  # within one minute
        found.spans.append((since, until))
        return found
    if since < first:
        found.spans.append((since, first))
    {"day": _days, "hour": _hours, "minute": _minutes}[largest](found, first, last, fresh)
    if last < until:
        found.spans.append((last, until))
    return found


def _days(found: Cover, since: datetime, until: datetime, fresh: Fresh) -> None:
    for first, last in _pieces(since, until, "day"):
        if last - first == STEPS["day"] and first not in fresh.days:
            found.days.append(first)
        else:
            _hours(found, first, last, fresh)


def _hours(found: Cover, since: datetime, until: datetime, fresh: Fresh) -> None:
    for first, last in _pieces(since, until, "hour"):
        if last - first == STEPS["hour"] and first not in fresh.hours:
            found.hours.append(first)
        else:
            _minutes(found, first, last, fresh)


def _minutes(found: Cover, since: datetime, until: datetime, fresh: Fresh) -> None:
    for first, last in _pieces(since, until, "minute"):
        if first in fresh.minutes:
            found.spans.append((first, last))
        else:
            found.minutes.append(first)


def _pieces(since: datetime, until: datetime, step: Step) -> Iterator[tuple[datetime, datetime]]:
    """The span, cut where a minute, hour or day begins."""
    while since < until:
        last = min(beginning(since, step) + STEPS[step], until)
        yield since, last
        since = last
