"""What the patient tenant asked, and what it was told: as it saw it itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple


class LastWord(NamedTuple):
    """On one inference. its_own: whether a completed one repeats what was asked."""

    completed: bool
    its_own: bool = True


@dataclass(slots=True)
class Begun:
    """A background inference. ids: every id that was told for its key. word: by its id, when all is over; None: it is
    told as open, or not at all."""

    number: int
    text: str
    ids: set[str] = field(default_factory=set)
    accepted: bool = False
    troubles: list[str] = field(default_factory=list)
    word: LastWord | None = None


class BatchLine(NamedTuple):
    """A line of an output or error file. inference_id: None of what was never begun."""

    custom_id: str
    inference_id: str | None
    word: LastWord


@dataclass(frozen=True, slots=True)
class BatchSeen:
    """number: of the order that it was made for. wrong: what it says of itself that is not as it must be."""

    batch_id: str
    number: int
    session: str
    wrong: str
    lines: Sequence[BatchLine] = ()


class Ordered(NamedTuple):
    """A batch that was to be made. taken: it was answered."""

    number: int
    custom_ids: Sequence[str]
    taken: bool
    troubles: Sequence[str] = ()


class Published(NamedTuple):
    """A request by Kafka. acked: it is on the topic; otherwise it may be."""

    inference_id: str
    text: str
    acked: bool
    troubles: Sequence[str] = ()


class Reply(NamedTuple):
    """A record of the reply topic, with the event's id and the broker's time."""

    inference_id: str
    event_id: str
    word: LastWord
    at: datetime


class Told(NamedTuple):
    """One call of the receiver. subject: the inference or batch. ending: as it is told. signed: as the library of
    Standard Webhooks verifies it. taken: the receiver said so."""

    event_id: str
    subject: str
    ending: str
    signed: bool
    taken: bool


@dataclass(frozen=True, slots=True)
class Words:
    begun: Sequence[Begun] = ()
    ordered: Sequence[Ordered] = ()
    batches: Sequence[BatchSeen] = ()
    published: Sequence[Published] = ()
    replies: Sequence[Reply] = ()
    told: Sequence[Told] = ()

    @property
    def inference_ids(self) -> set[str]:
        """All that the tenant knows of."""
        lines = {line.inference_id for batch in self.batches for line in batch.lines if line.inference_id}
        return lines.union({one.inference_id for one in self.published}, *(one.ids for one in self.begun))


def last_word(completion: dict[str, Any] | None, text: str) -> LastWord:
    """completion: a chat's, None of a failure. text: that was asked."""
    if completion is None:
        return LastWord(completed=False)
    return LastWord(completed=True, its_own=completion["choices"][0]["message"]["content"] == f"echo: {text}")
