"""What happened, in its order: written by the broker, the database and the model endpoints, not by the code under test.

Times are in seconds of the history. `by` is the life of a process, or None for the world around it.
"""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from shared.events import Event
from shared.kafka import TopicPartition


class Published(NamedTuple):
    """A record lies on its topic. event: None for what cannot be read. headers: of dead letters only."""

    at_s: float
    by: str | None
    place: TopicPartition
    offset: int
    event: Event | None
    dead_letter_of: tuple[str, int, int] | None = None


class Sent(NamedTuple):
    """A record is on its way. key: of the record, which for what is said of an inference is its id."""

    at_s: float
    by: str | None
    place: TopicPartition
    key: bytes | None


class Acked(NamedTuple):
    """The publisher was told that the record lies there, which it had sent then."""

    at_s: float
    by: str | None
    place: TopicPartition
    offset: int
    sent_at_s: float


class Unacked(NamedTuple):
    """The publisher was told that the record may not lie there, or had given it up."""

    at_s: float
    by: str | None
    place: TopicPartition
    sent_at_s: float


class Committed(NamedTuple):
    at_s: float
    by: str | None
    group: str
    offsets: Mapping[TopicPartition, int]


class ReadOffsets(NamedTuple):
    """Somebody read what a group has committed."""

    at_s: float
    by: str | None
    group: str


class Booked(NamedTuple):
    """One transaction. started: attempts whose start it holds, and inferences of which it says who has them. words: ids
    of outcomes and settlements."""

    at_s: float
    by: str | None
    started: frozenset[UUID]
    words: frozenset[UUID]


class Called(NamedTuple):
    """The endpoint saw a call."""

    at_s: float
    by: str | None
    attempt_id: UUID


class Ended(NamedTuple):
    """A life is over: killed, or stopped as it was told to."""

    at_s: float
    life: str


class Unforeseen(NamedTuple):
    """Something was logged as an error, which only happens when nobody foresaw it."""

    at_s: float
    by: str | None
    what: str


Entry = Published | Sent | Acked | Unacked | Committed | ReadOffsets | Booked | Called | Ended | Unforeseen
Trace = list[Entry]


def told(entry: Entry) -> str:
    """In one line. Ids are cut to their ends, which differ."""
    if isinstance(entry, Ended):
        return f"{entry.at_s:8.3f} s  {entry.life} has ended"
    return f"{entry.at_s:8.3f} s  {entry.by or 'the world'} {_what(entry)}"


def _what(entry: Published | Sent | Acked | Unacked | Committed | ReadOffsets | Booked | Called | Unforeseen) -> str:
    match entry:
        case Published():
            return f"publishes {_place(entry.place, entry.offset)} {_event(entry.event)}"
        case Sent():
            return f"sends a record to {_place(entry.place)}"
        case Unacked():
            return f"is told that what it sent to {_place(entry.place)} may not lie there"
        case Acked():
            return f"is told that {_place(entry.place, entry.offset)} lies there"
        case Committed():
            return f"commits {', '.join(_place(place, offset) for place, offset in entry.offsets.items())}"
        case ReadOffsets():
            return f"reads the offsets of group {entry.group}"
        case Booked():
            return f"books {len(entry.started)} starts and {len(entry.words)} words"
        case Called():
            return f"calls for attempt {_end(entry.attempt_id)}"
        case Unforeseen():
            return f"fails: {entry.what}"


def _place(place: TopicPartition, offset: int | None = None) -> str:
    name = f"{place.topic.removeprefix('inference.')}[{place.partition}]"
    return name if offset is None else f"{name}@{offset}"


def _event(event: Event | None) -> str:
    ids = {name: getattr(event, f"{name}_id", None) for name in ("inference", "attempt", "router")}
    words = [f"{name} {_end(found)}" for name, found in ids.items() if found is not None]
    words += [str(getattr(event, name)) for name in ("outcome", "settlement") if hasattr(event, name)]
    words += [f"delivery {getattr(event, 'delivery', 1)}"] if getattr(event, "delivery", 1) > 1 else []
    error = getattr(event, "error", None)
    words += [error.error_type] if error is not None else []
    return f"{type(event).__name__}({', '.join(words)})"


def _end(name: object) -> str:
    return str(name)[-4:] if isinstance(name, UUID) else str(name)
