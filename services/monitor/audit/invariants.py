"""Pure: do the books balance? What is on the topics and what is booked in, violations out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
_NAMED = 100


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


def check(ledger: Ledger, booked: Booked, now: datetime, more: Iterable[str] = ()) -> Report:
    """`more`: violations that were found while reading. What is booked and not on the topics is no violation:
    it was booked after they were read, or their retention has passed."""
    accepted = [entry for entry in ledger.inferences.values() if entry.accepted]
    settled = sum(entry.settlement is not None for entry in accepted)
    started = [entry for entry in ledger.attempts.values() if entry.started]
    ended = sum(entry.outcome is not None for entry in started)
    return Report(
        inferences={"accepted": len(accepted), "settled": settled, "open": len(accepted) - settled},
        attempts={
            "started": len(started),
            "ended": ended,
            "open": len(started) - ended,
            "late": len(ledger.late),
        },
        violations=[*more, *_attempt_violations(ledger, booked, now), *_inference_violations(ledger, booked, now)],
        swept=_swept(ledger),
    )


def _swept(ledger: Ledger) -> Swept:
    concerned = ledger.swept_inferences | {ledger.attempts[one].inference_id for one in ledger.swept_attempts}
    ids = [str(one) for one in sorted(concerned)[:_NAMED]]
    return Swept(len(ledger.swept_inferences), len(ledger.swept_attempts), ids)


def _attempt_violations(ledger: Ledger, booked: Booked, now: datetime) -> Iterator[str]:
    for attempt_id, entry in ledger.attempts.items():
        name = f"attempt {attempt_id} of inference {entry.inference_id} ({entry.model})"
        if not entry.started:
            yield f"{name} has an outcome but was never put on record as started"
        if entry.outcome is None and _lost(entry.deadline_at, now):
            yield f"{name} was started and has no outcome, long after its deadline"
        if attempt_id not in booked.attempts:
            yield f"{name} is on the topics and not in the books"
        elif entry.outcome is not None and booked.attempts[attempt_id] != entry.outcome_event_id:
            yield f"{name} is booked with another outcome than the first one on the topic"


def _inference_violations(ledger: Ledger, booked: Booked, now: datetime) -> Iterator[str]:
    for inference_id, entry in ledger.inferences.items():
        name = f"inference {inference_id}"
        if entry.settlement is None and _lost(entry.deadline_at, now):
            yield f"{name} was accepted and is not settled, long after its deadline"
        if entry.settlement == "completed" and not entry.succeeded:
            yield f"{name} is completed without an attempt that succeeded"
        if entry.settlement is None:
            if inference_id not in booked.inferences:
                yield f"{name} is accepted on the topics and not in the books"
        elif inference_id not in booked.inferences:
            yield f"{name} is settled on the topics and not in the books"
        elif booked.inferences[inference_id] != entry.settlement_event_id:
            yield f"{name} is booked with another settlement than the first one on the topic"


def _lost(deadline_at: datetime | None, now: datetime) -> bool:
    return deadline_at is not None and now - deadline_at > _LOST_AFTER
