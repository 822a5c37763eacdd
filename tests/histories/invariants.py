"""What must hold in every history, read from what the broker, the database and the endpoints have seen.

The code under test is not asked, but for the audit that operators run, which must come to the same result.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from uuid import UUID

from aiokafka import TopicPartition

from shared.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    InferenceEvent,
    InferenceHeld,
    InferenceRequested,
    InferenceSettled,
    RouterHeartbeat,
)
from shared.events.router import RECORD_IS_THERE_AFTER_S
from shared.events.topics import request_partition, request_place, router_groups
from tests.histories.at_the_end import at_the_end
from tests.histories.history import Away, Clock, Fault
from tests.histories.processes import MONITORS, ROUTERS
from tests.histories.promises import (
    ALIVE,
    BOOKED,
    CALLED,
    COMPLETE,
    FORESEEN,
    FORWARD,
    LEFT_TO_KAFKA,
    LETTERED,
    ONCE,
    OVER,
    RECOVERED,
    SWEPT,
    TAKEN,
    Violation,
    short,
)
from tests.histories.trace import (
    Acked,
    Booked,
    Called,
    Committed,
    Ended,
    Entry,
    Published,
    ReadOffsets,
    Sent,
    Unacked,
    Unforeseen,
)
from tests.histories.world import Played

_RECOVERED_WITHIN_S = RECORD_IS_THERE_AFTER_S + 5.0  # what a monitor needs for two looks, and waits for its books
_ROUND_TRIPS = 20  # that it makes in these
_SILENCE_S = 8.0  # a router that beats more often than this is never lost; recovery waits for 10 s
_EVERY_DELIVERY = 1_000_000
_ROUTER_GROUPS = frozenset(router_groups(ROUTERS).values())


def violations(played: Played) -> list[Violation]:
    reading = _Reading(played)
    found = [violation for entry in played.trace for violation in reading.read(entry)]
    return [*found, *reading.at_the_end(), *at_the_end(played)]


class _Reading:
    """The trace from its beginning, with what is known at each place of it."""

    def __init__(self, played: Played) -> None:
        self._undisturbed = not any(_disturbs_recovery(fault) for fault in played.history.faults)
        self._recovered_within_s = _RECOVERED_WITHIN_S + _ROUND_TRIPS * played.history.latency_s
        self._events: dict[tuple[TopicPartition, int], Event | None] = {}
        self._acked: dict[UUID, set[str | None]] = defaultdict(set)  # by event
        self._starts: dict[UUID, AttemptStarted] = {}
        self._letters: set[tuple[str, int, int]] = set()
        self._calls: dict[UUID, dict[UUID, str | None]] = defaultdict(dict)  # by inference: those under way, and whose
        self._claimed_by: dict[tuple[int, int], str | None] = {}  # place of a request, as the books have it
        self._claimed: list[tuple[InferenceRequested, float]] = []
        self._on_record: dict[UUID, list[tuple[int, float]]] = defaultdict(list)  # deliveries of an inference, and when
        self._committed: dict[str, dict[TopicPartition, int]] = defaultdict(dict)  # of all routers together
        self._booked: set[UUID] = set()
        self._said_of: dict[UUID, list[tuple[int, Event]]] = defaultdict(list)  # by inference, on attempts and outcomes
        self._passes: dict[str | None, int] = {}  # where each monitor last read the offsets of routers
        self._beats: dict[str, float] = {}
        self._fell_silent: set[str] = set()
        self._requests: dict[tuple[UUID, int], list[tuple[TopicPartition, int]]] = defaultdict(list)
        self._handed_out: Counter[tuple[UUID, int]] = Counter()
        self._at = 0

    def at_the_end(self) -> Iterator[Violation]:
        """Of what was claimed."""
        for request, at_s in self._claimed if self._undisturbed else ():
            known = [
                when_s for delivery, when_s in self._on_record[request.inference_id] if delivery >= request.delivery
            ]
            if min(known, default=float("inf")) > at_s + self._recovered_within_s:
                name = f"delivery {request.delivery} of {short(request)}"
                yield Violation(RECOVERED, f"{name} was claimed at {at_s:.1f} s, and nobody spoke of it in time")

    def read(self, entry: Entry) -> Iterator[Violation]:
        self._at += 1
        match entry:
            case Published():
                yield from self._published(entry)
            case Committed():
                yield from self._commits(entry)
            case Called():
                yield from self._called(entry)
            case Unforeseen():
                yield Violation(FORESEEN, f"{entry.by}: {entry.what}")
            case _:
                self._note(entry)

    def _note(self, entry: Sent | Acked | Unacked | ReadOffsets | Booked | Ended) -> None:
        match entry:
            case Acked():
                event = self._events.get((entry.place, entry.offset))
                if event is not None:
                    self._acked[event.event_id].add(entry.by)
            case ReadOffsets():
                if entry.group == ROUTERS:
                    self._passes[entry.by] = self._at
            case Booked():
                self._booked |= entry.started | entry.words
            case Ended():
                self._fell_silent.add(entry.life)

    # What is published

    def _published(self, entry: Published) -> Iterator[Violation]:
        event = entry.event
        self._events[entry.place, entry.offset] = event
        if entry.dead_letter_of is not None:
            self._letters.add(entry.dead_letter_of)
        for fact in event.facts if event is not None else ():
            yield from self._told(fact, entry)

    def _told(self, event: Event, entry: Published) -> Iterator[Violation]:
        match event:
            case RouterHeartbeat():
                self._beat(event, entry.at_s)
            case InferenceRequested():
                yield from self._handed(event, entry)
            case AttemptStarted():
                self._starts.setdefault(event.attempt_id, event)
                self._on_record[event.inference_id].append((event.delivery, entry.at_s))
                self._said_of[event.inference_id].append((self._at, event))
            case InferenceHeld():
                self._on_record[event.inference_id].append((event.delivery, entry.at_s))
                self._said_of[event.inference_id].append((self._at, event))
            case AttemptEnded():
                yield from self._closed(event, entry)
                yield from self._swept(event)
                self._said_of[event.inference_id].append((self._at, event))
            case InferenceSettled():
                yield from self._of_recovery(event, entry)
                yield from self._swept(event)
                self._on_record[event.inference_id].append((_EVERY_DELIVERY, entry.at_s))
                self._said_of[event.inference_id].append((self._at, event))

    def _beat(self, event: RouterHeartbeat, at_s: float) -> None:
        if event.stopped or at_s - self._beats.get(event.router_id, at_s) > _SILENCE_S:
            self._fell_silent.add(event.router_id)
        self._beats[event.router_id] = at_s

    def _handed(self, event: InferenceRequested, entry: Published) -> Iterator[Violation]:
        key = (event.inference_id, event.delivery)
        if event.delivery > 1:
            self._on_record[event.inference_id].append((event.delivery - 1, entry.at_s))
            before = self._requests[event.inference_id, event.delivery - 1]
            committed = self._committed[ROUTERS]
            if not any(committed.get(place, 0) > offset for place, offset in before):
                yield Violation(LEFT_TO_KAFKA, f"{short(event)} is handed out again, and nobody had claimed it")
            self._handed_out[key] += 1
            if self._undisturbed and self._handed_out[key] > 1:
                yield Violation(ONCE, f"delivery {event.delivery} of {short(event)} is on the topic once more")
            yield from self._of_recovery(event, entry)
            yield from self._taken(event, entry)
        self._requests[key].append((entry.place, entry.offset))

    def _taken(self, event: InferenceRequested, entry: Published) -> Iterator[Violation]:
        for router in self._calls[event.inference_id].values() if self._undisturbed else ():
            if router is not None and self._is_heard(router, entry.at_s):
                yield Violation(TAKEN, f"{short(event)} is handed out, and {router} calls for it")

    def _is_heard(self, router: str, at_s: float) -> bool:
        return router not in self._fell_silent and at_s - self._beats.get(router, float("-inf")) <= _SILENCE_S

    def _closed(self, event: AttemptEnded, entry: Published) -> Iterator[Violation]:
        self._calls[event.inference_id].pop(event.attempt_id, None)
        yield from self._of_recovery(event, entry)
        if event.error is None or event.error.error_type != "router_lost":
            return
        start = self._starts.get(event.attempt_id)
        router = "" if start is None else start.router_id
        if self._is_heard(router, entry.at_s):
            silent_s = entry.at_s - self._beats[router]
            yield Violation(ALIVE, f"{entry.by} declares {router} lost, which spoke {silent_s:.1f} s ago")

    def _swept(self, event: AttemptEnded | InferenceSettled) -> Iterator[Violation]:
        if event.swept and self._undisturbed:
            yield Violation(SWEPT, f"{short(event)} had to be closed, as nobody else had")

    def _of_recovery(self, event: InferenceEvent, entry: Published) -> Iterator[Violation]:
        """What a monitor says of an inference comes after everything is booked that lay there when its pass began."""
        began = self._passes.get(entry.by)
        if entry.by is None or not entry.by.startswith("monitor") or began is None:
            return
        for at, known in self._said_of[event.inference_id]:
            if at < began and _booking_key(known) not in self._booked:
                yield Violation(COMPLETE, f"{entry.by} publishes a {type(event).__name__} of {short(event)} "
                                f"and has not booked a {type(known).__name__}")  # fmt: skip

    # What is committed

    def _commits(self, entry: Committed) -> Iterator[Violation]:
        by_router = entry.group in _ROUTER_GROUPS
        committed = self._committed[ROUTERS if by_router else entry.group]
        for place, offset in entry.offsets.items():
            for number in range(committed.get(place, 0), offset):
                if by_router:
                    yield from self._claims(entry, place, number)
                elif entry.group == MONITORS:
                    yield from self._books_first(entry, place, number)
            if by_router and offset < committed.get(place, 0):
                yield Violation(FORWARD, f"{entry.by} commits {place.partition}@{offset} after {committed[place]}")
            committed[place] = offset

    def _claims(self, entry: Committed, place: TopicPartition, offset: int) -> Iterator[Violation]:
        request = self._events.get((place, offset))
        self._claimed_by.setdefault((request_partition(place.topic, place.partition), offset), entry.by)
        if isinstance(request, InferenceRequested):
            self._claimed.append((request, entry.at_s))
        elif (place.topic, place.partition, offset) not in self._letters:
            yield Violation(LETTERED, f"{entry.by} commits past {place.partition}@{offset}, which is no dead letter")

    def _books_first(self, entry: Committed, place: TopicPartition, offset: int) -> Iterator[Violation]:
        event = self._events.get((place, offset))
        for fact in event.facts if event is not None else ():
            if _booking_key(fact) not in self._booked:
                yield Violation(BOOKED, f"{entry.by} commits past a {type(fact).__name__} that is not booked")

    # What is called

    def _called(self, entry: Called) -> Iterator[Violation]:
        start = self._starts.get(entry.attempt_id)
        name = f"the call {str(entry.attempt_id)[-4:]} of {entry.by}"
        if start is None:
            yield Violation(CALLED, f"{name} is not on record")
            return
        self._calls[start.inference_id][entry.attempt_id] = entry.by
        if self._requests[start.inference_id, start.delivery + 1] and not self._is_of_a_copy(start):
            yield Violation(OVER, f"{name} is made for delivery {start.delivery}, and the next one is handed out")
        if entry.by not in self._acked[start.event_id]:
            yield Violation(CALLED, f"{name} is on record, but that was not acked")
        if self._claimed_by.get((start.request_partition, start.request_offset)) != entry.by:
            yield Violation(CALLED, f"{name} is made without a claim")

    def _is_of_a_copy(self, start: AttemptStarted) -> bool:
        """Of a request that its publisher sent twice without saying so: nobody but a router that took both knows."""
        first = self._requests[start.inference_id, start.delivery][0]
        return first != (_place_of(start.request_partition), start.request_offset)


def _place_of(request_partition: int) -> TopicPartition:
    topic, partition = request_place(request_partition)
    return TopicPartition(topic.name, partition)


def _disturbs_recovery(fault: Fault) -> bool:
    if isinstance(fault, Clock):
        return False
    return isinstance(fault, Away) or getattr(fault, "slot", "").startswith("monitor")


def _booking_key(event: Event) -> UUID:
    match event:
        case AttemptStarted():
            return event.attempt_id
        case InferenceHeld() | InferenceRequested():
            return event.inference_id
        case _:
            return event.event_id
