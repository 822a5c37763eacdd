"""Pure: which sums, of months, days, hours and minutes, make up a span of time, and what is read from the books."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.monitor.rollups.steps import MINUTE, STEPS, SUMMED_FROM, Step, beginning, end, following
from services.monitor.slices import SLICE

_LONG = timedelta(hours=1)  # a span that is longer is one of whole minutes

# By step, what is not summed up (yet), of one tenant: minutes whose calls are booked; hours, days and months of which
# what they are the sums of is summed up.
Fresh = Mapping[Step, Collection[datetime]]
# By fresh minute that is sliced, the slices of it that are not summed up.
Sliced = Mapping[datetime, Collection[datetime]]


@dataclass(slots=True)
class Cover:
    """What covers the span from `since` until `until`, in parts that do not overlap: sums of each step by their
    beginnings, slices, and spans (since, until) that are counted in the books."""

    since: datetime
    until: datetime
    sums: dict[Step, list[datetime]] = field(default_factory=lambda: {step: [] for step in STEPS})
    slices: list[datetime] = field(default_factory=list)
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


def cover(
    since: datetime, until: datetime, fresh: Fresh, largest: Step = "month", sliced: Sliced | None = None
) -> Cover:
    """In UTC, by steps up to the largest. What is not of a whole minute is counted in the books."""
    found = Cover(since, until)
    first, last = end(since, "minute"), beginning(until, "minute")
    if first > last:  # within one minute
        found.spans.append((since, until))
        return found
    if since < first:
        found.spans.append((since, first))
    _cover(found, first, last, largest, _with_what_holds_them(fresh))
    _slice(found, sliced or {})
    if last < until:
        found.spans.append((last, until))
    return found


def _with_what_holds_them(fresh: Fresh) -> Fresh:
    """An hour is not summed up while one of its minutes is not, and so on."""
    found: dict[Step, Collection[datetime]] = {}
    below: Collection[datetime] = ()
    for step in STEPS:
        below = found[step] = {*fresh[step], *(beginning(at, step) for at in below)}
    return found


def _cover(found: Cover, since: datetime, until: datetime, step: Step, fresh: Fresh) -> None:
    """The span is one of whole minutes."""
    if step == "minute":
        _minutes(found, since, until, fresh[step])
        return
    for first, last in _pieces(since, until, step):
        is_whole = first == beginning(first, step) and last == following(first, step)
        if is_whole and first not in fresh[step]:
            found.sums[step].append(first)
        else:
            _cover(found, first, last, SUMMED_FROM[step], fresh)


def _minutes(found: Cover, since: datetime, until: datetime, fresh: Collection[datetime]) -> None:
    """As many as ten thousand, so nothing is looked for in each."""
    minutes = [since + number * MINUTE for number in range((until - since) // MINUTE)]
    found.sums["minute"] += [at for at in minutes if at not in fresh]
    found.spans += [(at, at + MINUTE) for at in minutes if at in fresh]


def _slice(found: Cover, sliced: Sliced) -> None:
    """Spans that are sliced minutes, cut."""
    whole_spans, found.spans = found.spans, []
    for since, until in whole_spans:
        if until - since < MINUTE or since not in sliced:
            found.spans.append((since, until))
            continue
        slices = [since + number * SLICE for number in range(MINUTE // SLICE)]
        found.slices += [at for at in slices if at not in sliced[since]]
        found.spans += [(at, at + SLICE) for at in slices if at in sliced[since]]


def _pieces(since: datetime, until: datetime, step: Step) -> Iterator[tuple[datetime, datetime]]:
    """The span, cut where one of these steps begins."""
    while since < until:
        last = min(following(beginning(since, step), step), until)
        yield since, last
        since = last
