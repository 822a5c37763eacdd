"""Pure: which sums, of days, hours and minutes, make up a span of time, and what must be read from the books."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from services.monitor.rollups.steps import STEPS, Step, beginning

_LONG = timedelta(hours=1)  # a span that is longer begins at a whole minute


class Fresh(NamedTuple):
    """What is not summed up (yet), of one tenant: minutes whose calls are booked; hours and days whose minutes and
    hours are summed up."""

    minutes: Collection[datetime]
    hours: Collection[datetime]
    days: Collection[datetime]


@dataclass(slots=True)
class Cover:
    """Parts of a span that do not overlap: days, hours and minutes by their beginnings, and spans (since, until) that
    are counted in the books."""

    days: list[datetime] = field(default_factory=list)
    hours: list[datetime] = field(default_factory=list)
    minutes: list[datetime] = field(default_factory=list)
    spans: list[tuple[datetime, datetime]] = field(default_factory=list)


def cover(since: datetime, until: datetime, fresh: Fresh, gone_before: datetime) -> Cover:
    """In UTC. The last minute counts as a whole: nothing has ended after `until`, which is now. A span of more than an
    hour begins with the whole of its first minute, and where minutes are gone with the whole hour."""
    hours = {*fresh.hours, *(beginning(at, "hour") for at in fresh.minutes)}
    fresh = Fresh(fresh.minutes, hours, {*fresh.days, *(beginning(at, "day") for at in hours)})
    if until - since > _LONG:
        since = beginning(since, "minute")
    if since < gone_before:
        since = beginning(since, "hour")
    until = beginning(until, "minute") + STEPS["minute"]
    found = Cover()
    edge = min(beginning(since + STEPS["minute"] - timedelta(microseconds=1), "minute"), until)
    if since < edge:
        found.spans.append((since, edge))
    _days(found, edge, until, fresh)
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
