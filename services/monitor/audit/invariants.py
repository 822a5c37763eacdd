"""Pure: do the books balance? What is on the topics and what is booked in, violations out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from shared.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    InferenceAccepted,
    InferenceEvent,
    InferenceHeld,
    InferenceRequested,
    InferenceSettled,
)

# Past its deadline by this much, an inference or attempt that is still open is not late but lost.
# The monitor settles what is open for a minute, and may take some seconds for it.
_LOST_AFTER = timedelta(seconds=75)
MOST_EXAMPLES = 20  # of one kind of violation that are named
_NAMED = 100  # inferences that the sweep closed


@dataclass(slots=True)
class InferenceEntry:
    """What the topics say about one inference. The first settlement on the topic is the effective one."""

    deadline_at: datetime | None = None
    accepted: bool = False
    settlement: str | None = None
    settlement_event_id: UUID | None = None
    succeeded: bool = False  # by any attempt, also one whose outcome came late


@dataclass(slots=True)
class AttemptEntry:
    """What the topics say about one attempt. The first outcome on the topic is the effective one."""

    inference_id: UUID
    model: str
    started: bool = False
    deadline_at: datetime | None = None
    outcome: str | None = None
    outcome_event_id: UUID | None = None


@dataclass(slots=True)
class Ledger:
    """What was read from the topics, by inference and by attempt."""

    inferences: dict[UUID, InferenceEntry] = field(default_factory=dict)
    attempts: dict[UUID, AttemptEntry] = field(default_factory=dict)
    late: set[UUID] = field(default_factory=set)  # event ids of second outcomes and settlements
    swept_attempts: set[UUID] = field(default_factory=set)  # closed by the sweep, as nobody else had said anything
    swept_inferences: set[UUID] = field(default_factory=set)

    def add(self, event: Event | InferenceAccepted) -> None:
        match event:
            case InferenceRequested():
                self.add(event.accepted)
            case InferenceAccepted():
                entry = self._inference(event)
                entry.accepted, entry.deadline_at = True, event.deadline_at
            case AttemptStarted():
                attempt = self._attempt(event)
                attempt.started, attempt.deadline_at = True, event.deadline_at
                self._claimed(event)
            case InferenceHeld():
                self._claimed(event)
            case AttemptEnded():
                self._end(event)
            case InferenceSettled():
                self._settle(event)

    def _claimed(self, event: AttemptStarted | InferenceHeld) -> None:
        entry = self._inference(event)
        entry.accepted, entry.deadline_at = True, entry.deadline_at or event.deadline_at

    def _end(self, event: AttemptEnded) -> None:
        attempt = self._attempt(event)
        if attempt.outcome_event_id is None:
            attempt.outcome, attempt.outcome_event_id = event.outcome, event.event_id
            if event.swept:
                self.swept_attempts.add(event.attempt_id)
        elif attempt.outcome_event_id != event.event_id:
            self.late.add(event.event_id)
        # A router that was declared lost may have succeeded: its outcome comes second, and the answer is real.
        if event.outcome == "succeeded":
            self._inference(event).succeeded = True

    def _settle(self, event: InferenceSettled) -> None:
        entry = self._inference(event)
        entry.accepted = entry.accepted or event.settlement != "rejected"
        if entry.settlement_event_id is None:
            entry.settlement, entry.settlement_event_id = event.settlement, event.event_id
            if event.swept:
                self.swept_inferences.add(event.inference_id)
        elif entry.settlement_event_id != event.event_id:
            self.late.add(event.event_id)

    def _inference(self, event: InferenceEvent | InferenceAccepted) -> InferenceEntry:
        return self.inferences.setdefault(event.inference_id, InferenceEntry())

    def _attempt(self, event: AttemptStarted | AttemptEnded) -> AttemptEntry:
        return self.attempts.setdefault(event.attempt_id, AttemptEntry(event.inference_id, event.model))


@dataclass(frozen=True, slots=True)
class Booked:
    """Ids in the database with the event that counts there; None while open."""

    attempts: Mapping[UUID, UUID | None]
    inferences: Mapping[UUID, UUID | None]


@dataclass(frozen=True, slots=True)
class Swept:
    """What the monitor had to close a minute past its deadline. ids: of the first inferences concerned."""

    inferences: int = 0
    attempts: int = 0
    ids: Sequence[str] = ()

    def with_those_of(self, ledger: Ledger) -> "Swept":
        """ledger: of other inferences."""
        concerned = ledger.swept_inferences | {ledger.attempts[one].inference_id for one in ledger.swept_attempts}
        return Swept(
            self.inferences + len(ledger.swept_inferences),
            self.attempts + len(ledger.swept_attempts),
            tuple(sorted([*self.ids, *map(str, concerned)])[:_NAMED]),
        )

    def as_json(self) -> dict[str, object]:
        return {"inferences": self.inferences, "attempts": self.attempts, "ids": list(self.ids)}


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an audit: counts by state, and one sentence for each violation."""

    inferences: dict[str, int]
    attempts: dict[str, int]
    violations: list[str]
    swept: Swept = Swept()

    @property
    def balanced(self) -> bool:
        return not self.violations

    def as_json(self) -> dict[str, object]:
        return {
            "balanced": self.balanced,
            "inferences": self.inferences,
            "attempts": self.attempts,
            "swept": self.swept.as_json(),
            "violations": self.violations,
        }


class Violation(NamedTuple):
    """what: in the same words for each that it holds of."""

    subject: str
    what: str

    def __str__(self) -> str:
        return f"{self.subject} {self.what}"


@dataclass(slots=True)
class Tally:
    """The sum of several ledgers that have no inference in common. It holds no more than examples."""

    inferences: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)  # the first violations, by what they are
    violations: Counter[str] = field(default_factory=Counter)
    swept: Swept = field(default_factory=Swept)

    def add(self, ledger: Ledger, booked: Booked, now: datetime) -> None:
        """What is booked and not on the topics is no violation: it was booked after they were read, or their retention
        has passed."""
        accepted = [entry for entry in ledger.inferences.values() if entry.accepted]
        started = [entry for entry in ledger.attempts.values() if entry.started]
        self.inferences["accepted"] += len(accepted)
        self.inferences["settled"] += sum(entry.settlement is not None for entry in accepted)
        self.attempts["started"] += len(started)
        self.attempts["ended"] += sum(entry.outcome is not None for entry in started)
        self.attempts["late"] += len(ledger.late)
        self.swept = self.swept.with_those_of(ledger)
        for found in (_attempt_violations(ledger, booked, now), _inference_violations(ledger, booked, now)):
            for violation in found:
                self._add(violation)

    def _add(self, violation: Violation) -> None:
        self.violations[violation.what] += 1
        examples = self.examples.setdefault(violation.what, [])
        if len(examples) < MOST_EXAMPLES:
            examples.append(str(violation))

    def report(self, more: Iterable[str] = ()) -> Report:
        """more: violations that were found while reading."""
        inferences, attempts = self.inferences, self.attempts
        return Report(
            inferences={
                "accepted": inferences["accepted"],
                "settled": inferences["settled"],
                "open": inferences["accepted"] - inferences["settled"],
            },
            attempts={
                "started": attempts["started"],
                "ended": attempts["ended"],
                "open": attempts["started"] - attempts["ended"],
                "late": attempts["late"],
            },
            violations=[*more, *self._sentences()],
            swept=self.swept,
        )

    def _sentences(self) -> Iterator[str]:
        for what, examples in self.examples.items():
            yield from examples
            if (others := self.violations[what] - len(examples)) > 0:
                yield f"and {others} more of which the same holds: {what}"


def check(ledger: Ledger, booked: Booked, now: datetime, more: Iterable[str] = ()) -> Report:
    """Of one ledger that holds everything."""
    tally = Tally()
    tally.add(ledger, booked, now)
    return tally.report(more)


def _attempt_violations(ledger: Ledger, booked: Booked, now: datetime) -> Iterator[Violation]:
    for attempt_id, entry in ledger.attempts.items():
        name = f"attempt {attempt_id} of inference {entry.inference_id} ({entry.model})"
        if not entry.started:
            yield Violation(name, "has an outcome but was never put on record as started")
        if entry.outcome is None and _lost(entry.deadline_at, now):
            yield Violation(name, "was started and has no outcome, long after its deadline")
        if attempt_id not in booked.attempts:
            yield Violation(name, "is on the topics and not in the books")
        elif entry.outcome is not None and booked.attempts[attempt_id] != entry.outcome_event_id:
            yield Violation(name, "is booked with another outcome than the first one on the topic")


def _inference_violations(ledger: Ledger, booked: Booked, now: datetime) -> Iterator[Violation]:
    for inference_id, entry in ledger.inferences.items():
        name = f"inference {inference_id}"
        if entry.settlement is None and _lost(entry.deadline_at, now):
            yield Violation(name, "was accepted and is not settled, long after its deadline")
        if entry.settlement == "completed" and not entry.succeeded:
            yield Violation(name, "is completed without an attempt that succeeded")
        if entry.settlement is None:
            if inference_id not in booked.inferences:
                yield Violation(name, "is accepted on the topics and not in the books")
        elif inference_id not in booked.inferences:
            yield Violation(name, "is settled on the topics and not in the books")
        elif booked.inferences[inference_id] != entry.settlement_event_id:
            yield Violation(name, "is booked with another settlement than the first one on the topic")


def _lost(deadline_at: datetime | None, now: datetime) -> bool:
    return deadline_at is not None and now - deadline_at > _LOST_AFTER
