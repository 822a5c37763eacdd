"""One inference within the router, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.router.room import Seat
from shared.errors import Failure
from shared.events import AttemptEnded, AttemptStarted, InferenceHeld, InferenceRequested
from shared.events.inference import Settlement
from shared.registry import Model
from shared.selection import Candidate, Selection
from shared.wire import Question


@dataclass(frozen=True, slots=True)
class Source:
    """The place of the request (its partition numbered as in events), and how many bytes its record has."""

    partition: int
    offset: int
    size: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it was read from its topic."""

    request: InferenceRequested
    source: Source
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Work:
    """A request that can be read, and the models to try for it. `body`: of its operation, in its form."""

    request: InferenceRequested
    body: dict[str, Any]
    selection: Selection
    source: Source
    traceparent: str | None

    def question(self, body: Mapping[str, Any]) -> Question:
        """What an endpoint is asked. body: as it is asked it."""
        request = self.request
        return Question(body, request.operation_name, request.form, request.passed_headers)

    @property
    def is_streamed(self) -> bool:
        """Of all operations only a chat is told chunk by chunk, to whoever waits. A copy for a model on trial is called
        as its request was, so that the times to their first chunks compare."""
        request = self.request
        asked = request.operation_name == "chat" and self.body.get("stream") is True
        return asked and (request.is_awaited or request.is_shadow)

    @property
    def first(self) -> Candidate:
        return self.selection.candidates[0]

    def from_candidate(self, place: int, refusals: Mapping[str, Failure]) -> "Work":
        """The work without the candidates before `place`, which may not be called now; `considered` says why."""
        if not refusals:
            return self
        considered = tuple(
            entry.model_copy(update={"chosen": False, "reason": refusals[entry.model].detail})
            if entry.model in refusals
            else entry
            for entry in self.selection.considered
        )
        return replace(
            self, selection=Selection(self.selection.candidates[place:], considered, unseen=self.selection.unseen)
        )


@dataclass(frozen=True, slots=True)
class Begun:
    """Work whose first call may begin when `started` is on record."""

    work: Work
    started: AttemptStarted


@dataclass(frozen=True, slots=True)
class Full:
    """No model may be called now, and this one because it has its max_concurrency: it is worth waiting for.

    unknown: whether it has is not known yet, and will be in a moment. Another model could be called instead.
    """

    model: Model
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that no model is called for."""

    request: InferenceRequested
    settlement: Settlement
    failure: Failure
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A request that is claimed when `held` is on record, and waits for its turn in the line, or first for a model."""

    asked: Asked
    held: InferenceHeld
    seat: Seat
    full: Full | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """A request that is claimed when `held` is on record, and then settled as refused."""

    refused: Refused
    held: InferenceHeld


@dataclass(frozen=True, slots=True)
class FailedCall:
    """One call that brought no completion; kept for the caller's answer."""

    model: Model
    failure: Failure
    ended: AttemptEnded
