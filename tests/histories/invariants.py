"""What must hold in every history, read from what the broker, the database and the endpoints have seen.

The code under test is not asked, but for the audit that operators run, which must come to the same result.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from aiokafka import TopicPartition

from services.monitor.audit.invariants import Ledger, check
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
from shared.events.topics import ATTEMPTS, OUTCOMES, REQUESTS
from tests.histories.history import Away, Clock, Fault
from tests.histories.lives import EPOCH
from tests.histories.processes import GRACE_S, MONITORS, PUBLISH_TIMEOUT_S, ROUTERS
from tests.histories.trace import (
    Acked,
    Booked,
    Called,
    Committed,
    Ended,
    Entry,
    Published,
    ReadOffsets,
    Unforeseen,
)
from tests.histories.world import Played

CALLED = "a call is acked as started, and its request is claimed by the same router"
LETTERED = "an offset is committed past what is no request after that is a dead letter"
RECOVERED = "what is claimed is on record or handed out again soon, unless somebody was disturbed who recovers"
FORWARD = "the group of the routers never goes back"
BOOKED = "an offset of events is committed after they are booked"
FIRST_WORD = "the first word on the topic is the one that counts in the books"
AS_SEEN = "the books are what the endpoints saw"
LEFT_TO_KAFKA = "what Kafka delivers again is not handed out by recovery"
ONCE = "a delivery is handed out once, unless somebody was disturbed meanwhile"
ALIVE = "who never fell silent is not declared lost"
TAKEN = "what a living router calls for is not handed out, unless somebody was disturbed who recovers"
COMPLETE = "recovery acts on books that are complete"
OVER = "no call begins for a delivery after the next one is handed out"
SETTLED = "nothing is open a minute after its deadline"
SWEPT = "the sweep has nothing to close, unless somebody was disturbed who recovers"
AUDIT = "the audit finds that the books balance"
ANSWERED = "who waits is told how its inference ended, a moment after its deadline at the latest"
ONE_KEY = "one Idempotency-Key is one inference, which is on the topic when the key is marked so"
FORESEEN = "nothing happens that nobody foresaw"

_SLACK_S = 1.0  # the broker's and the database's own time
_RECOVERED_WITHIN_S = RECORD_IS_THERE_AFTER_S + 5.0  # what a monitor needs for two looks, and waits for its books
_SILENCE_S = 8.0  # a router that beats more often than this is never lost; recovery waits for 10 s
_EVERY_DELIVERY = 1_000_000
# Words of ours on an attempt that never left: no endpoint has to have seen it.
_NEVER_LEFT = frozenset({"handed_back", "router_lost", "cancelled", "expired"})


class Violation(NamedTuple):
    invariant: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


def violations(played: Played) -> list[Violation]:
    reading = _Reading(played)
    found = [violation for entry in played.trace for violation in reading.read(entry)]
    return [*found, *reading.at_the_end(), *_at_the_end(played)]


class _Reading:
    """The trace from its beginning, with what is known at each place of it."""

    def __init__(self, played: Played) -> None:
        self._undisturbed = not any(_disturbs_recovery(fault) for fault in played.history.faults)
        self._events: dict[tuple[TopicPartition, int], Event | None] = {}
        self._publishers: dict[tuple[TopicPartition, int], str | None] = {}
        self._acked: dict[UUID, set[str | None]] = defaultdict(set)  # by event
        self._starts: dict[UUID, AttemptStarted] = {}
        self._letters: set[tuple[str, int, int]] = set()
        self._calls: dict[UUID, dict[UUID, str | None]] = defaultdict(dict)  # by inference: those under way, and whose
        self._claimed_by: dict[tuple[int, int], str | None] = {}  # partition and offset of a request
        self._claimed: list[tuple[InferenceRequested, float]] = []
        self._on_record: dict[UUID, list[tuple[int, float]]] = defaultdict(list)  # deliveries of an inference, and when
        self._committed: dict[str, dict[TopicPartition, int]] = defaultdict(dict)
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
            if min(known, default=float("inf")) > at_s + _RECOVERED_WITHIN_S:
                name = f"delivery {request.delivery} of {_short(request)}"
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

    def _note(self, entry: Acked | ReadOffsets | Booked | Ended) -> None:
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
        self._publishers[entry.place, entry.offset] = entry.by
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
                yield Violation(LEFT_TO_KAFKA, f"{_short(event)} is handed out again, and nobody had claimed it")
            self._handed_out[key] += 1
            if self._undisturbed and self._handed_out[key] > 1:
                yield Violation(ONCE, f"delivery {event.delivery} of {_short(event)} is on the topic once more")
            yield from self._of_recovery(event, entry)
            yield from self._taken(event, entry)
        self._requests[key].append((entry.place, entry.offset))

    def _taken(self, event: InferenceRequested, entry: Published) -> Iterator[Violation]:
        for router in self._calls[event.inference_id].values() if self._undisturbed else ():
            if router is not None and self._is_heard(router, entry.at_s):
                yield Violation(TAKEN, f"{_short(event)} is handed out, and {router} calls for it")

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
            yield Violation(SWEPT, f"{_short(event)} had to be closed, as nobody else had")

    def _of_recovery(self, event: InferenceEvent, entry: Published) -> Iterator[Violation]:
        """What a monitor says of an inference comes after everything is booked that lay there when its pass began."""
        began = self._passes.get(entry.by)
        if entry.by is None or not entry.by.startswith("monitor") or began is None:
            return
        for at, known in self._said_of[event.inference_id]:
            if at < began and _booking_key(known) not in self._booked:
                yield Violation(COMPLETE, f"{entry.by} publishes a {type(event).__name__} of {_short(event)} "
                                f"and has not booked a {type(known).__name__}")  # fmt: skip

    # What is committed

    def _commits(self, entry: Committed) -> Iterator[Violation]:
        committed = self._committed[entry.group]
        for place, offset in entry.offsets.items():
            for number in range(committed.get(place, 0), offset):
                if entry.group == ROUTERS and place.topic == REQUESTS.name:
                    yield from self._claims(entry, place, number)
                elif entry.group == MONITORS:
                    yield from self._books_first(entry, place, number)
            if entry.group == ROUTERS and offset < committed.get(place, 0):
                yield Violation(FORWARD, f"{entry.by} commits {place.partition}@{offset} after {committed[place]}")
            committed[place] = offset

    def _claims(self, entry: Committed, place: TopicPartition, offset: int) -> Iterator[Violation]:
        request = self._events.get((place, offset))
        self._claimed_by.setdefault((place.partition, offset), entry.by)
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
        if self._requests[start.inference_id, start.delivery + 1]:
            yield Violation(OVER, f"{name} is made for delivery {start.delivery}, and the next one is handed out")
        if entry.by not in self._acked[start.event_id]:
            yield Violation(CALLED, f"{name} is on record, but that was not acked")
        if self._claimed_by.get((start.request_partition, start.request_offset)) != entry.by:
            yield Violation(CALLED, f"{name} is made without a claim")


def _disturbs_recovery(fault: Fault) -> bool:
    if isinstance(fault, Clock):
        return False
    return isinstance(fault, Away) or getattr(fault, "slot", "").startswith("monitor")


def _at_the_end(played: Played) -> Iterator[Violation]:
    events = {topic: _events(played, topic) for topic in (REQUESTS.name, ATTEMPTS.name, OUTCOMES.name)}
    yield from _first_words(played, events[OUTCOMES.name])
    yield from _seen(played)
    yield from _open(played, events[REQUESTS.name])
    yield from _audited(played, events)
    yield from _told(played)
    yield from _keyed(played, events[REQUESTS.name])


def _events(played: Played, topic: str) -> list[Event]:
    """All facts, in the order of their partitions."""
    published = [entry for entry in played.trace if isinstance(entry, Published) and entry.place.topic == topic]
    published.sort(key=lambda entry: (entry.place, entry.offset))
    return [fact for entry in published if entry.event is not None for fact in entry.event.facts]


def _first_words(played: Played, outcomes: list[Event]) -> Iterator[Violation]:
    first: dict[UUID, UUID] = {}
    for event in outcomes:
        if isinstance(event, AttemptEnded):
            first.setdefault(event.attempt_id, event.event_id)
        elif isinstance(event, InferenceSettled):
            first.setdefault(event.inference_id, event.event_id)
    counts: dict[UUID, UUID | None] = {key: row["outcome_event_id"] for key, row in played.tables.attempts.items()}
    counts |= {key: row["settlement_event_id"] for key, row in played.tables.inferences.items()}
    for key, event_id in first.items():
        if counts.get(key) != event_id:
            yield Violation(FIRST_WORD, f"of {str(key)[-4:]} the books hold {str(counts.get(key))[-4:]}, "
                            f"the topic said first {str(event_id)[-4:]}")  # fmt: skip


def _seen(played: Played) -> Iterator[Violation]:
    calls = {UUID(call.attempt_id): call for call in played.ledger}
    rows = played.tables.attempts
    for attempt_id, call in calls.items():
        row = rows.get(attempt_id)
        if row is None or not row["on_record"]:
            yield Violation(AS_SEEN, f"the call {call.attempt_id[-4:]} was made and is not booked")
        elif row["outcome"] == "succeeded" and call.how != "succeeded":
            yield Violation(AS_SEEN, f"the call {call.attempt_id[-4:]} is booked as succeeded and was {call.how}")
    if len(calls) != len(played.ledger):
        yield Violation(AS_SEEN, "one attempt was called twice")
    for attempt_id, row in rows.items():
        if attempt_id not in calls and row["error_type"] not in _NEVER_LEFT:
            yield Violation(AS_SEEN, f"attempt {str(attempt_id)[-4:]} is booked as {row['outcome']} "
                            f"({row['error_type']}) and was never made")  # fmt: skip


def _open(played: Played, requests: list[Event]) -> Iterator[Violation]:
    rows: Mapping[UUID, Mapping[str, object]] = played.tables.inferences
    for inference_id in {event.inference_id for event in requests if isinstance(event, InferenceRequested)}:
        if inference_id not in rows or rows[inference_id]["settlement"] is None:
            yield Violation(SETTLED, f"inference {str(inference_id)[-4:]} is not settled")
    for attempt_id, row in played.tables.attempts.items():
        if row["outcome"] is None:
            yield Violation(SETTLED, f"attempt {str(attempt_id)[-4:]} has no outcome")
    if not played.settled:
        yield Violation(SETTLED, f"after {played.ended_at:.0f} s there is still something to do")


def _audited(played: Played, events: Mapping[str, list[Event]]) -> Iterator[Violation]:
    ledger = Ledger()
    for topic in events.values():
        for event in topic:
            ledger.add(event)
    report = check(ledger, played.tables.booked(), EPOCH + timedelta(seconds=played.ended_at))
    for violation in report.violations:
        yield Violation(AUDIT, violation)


def _told(played: Played) -> Iterator[Violation]:
    """Every caller hears something, unless its gateway died."""
    disturbed = {getattr(fault, "slot", "") for fault in played.history.faults}  # these may take their time
    dead = {entry.life for entry in played.trace if isinstance(entry, Ended)}
    calls = {UUID(call.attempt_id): call for call in played.ledger}
    for asked in played.asked:
        name = f"who asked for {asked.request.name} at {asked.asked_at:.1f} s"
        slot = asked.gateway.partition(".")[0]
        within_s = asked.request.deadline_s + GRACE_S + PUBLISH_TIMEOUT_S + _SLACK_S
        if asked.answered_at is None:
            if asked.gateway not in dead:
                yield Violation(ANSWERED, f"{name} is told nothing")
        elif asked.answered_at - asked.asked_at > within_s and slot not in disturbed:
            yield Violation(ANSWERED, f"{name} is told after {asked.answered_at - asked.asked_at:.1f} s")
        if asked.attempt_id is not None:
            call = calls.get(asked.attempt_id)
            if call is None or call.how != "succeeded" or call.body["messages"][0]["content"] != asked.request.name:
                yield Violation(ANSWERED, f"{name} gets an answer that no endpoint gave to it")


def _keyed(played: Played, requests: list[Event]) -> Iterator[Violation]:
    ids = {text: row.known.id for (_, _, text), row in played.gateway_tables.keys.items()}
    for event in requests:
        if isinstance(event, InferenceRequested) and event.store_result and event.inference_id not in ids.values():
            yield Violation(ONE_KEY, f"{_short(event)} is published for a key and is not what the key stands for")
    published = {event.inference_id for event in requests if isinstance(event, InferenceRequested)}
    for (_, _, text), row in played.gateway_tables.keys.items():
        if row.known.published and row.known.id not in published:
            yield Violation(ONE_KEY, f"the key {text} counts as published, and what it stands for is not on the topic")
    for asked in played.asked:
        if asked.request.way == "keyed" and asked.inference_id not in (None, ids.get(asked.request.name)):
            yield Violation(ONE_KEY, f"{asked.request.name} is answered by another inference than its key stands for")


def _booking_key(event: Event) -> UUID:
    match event:
        case AttemptStarted():
            return event.attempt_id
        case InferenceHeld() | InferenceRequested():
            return event.inference_id
        case _:
            return event.event_id


def _short(event: InferenceEvent) -> str:
    return f"inference {str(event.inference_id)[-4:]}"
