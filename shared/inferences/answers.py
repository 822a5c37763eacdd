"""What comes back for an inference: a reply, and the answer or the failure that it brings."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.errors import Failure, TallygateError
from shared.events import ReplyCompleted, ReplyFailed
from shared.events.inference import Settlement
from shared.lane.payloads import LaneReply

Reply = ReplyCompleted | ReplyFailed
AnyReply = Reply | LaneReply  # by a topic or a table, sealed; or by the lane, opened


def said_in(reply: AnyReply) -> Reply:
    return reply.said if isinstance(reply, LaneReply) else reply


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion. `body`: the OpenAI chat completion as JSON bytes. `replayed`: an earlier request asked for it."""

    inference_id: UUID
    body: bytes
    model: str
    attempts: int
    replayed: bool = False


class InferenceFailedError(TallygateError):
    """The inference has an id and no answer; says which calls were made and how each failed.

    settlement: as it was settled, where that is known.
    """

    def __init__(
        self, known: Failure, inference_id: UUID, failed_attempts: tuple[dict[str, Any], ...] = (), attempts: int = 0,
        settlement: Settlement = "failed",
    ) -> None:  # fmt: skip
        super().__init__(known.error_type, known.detail)
        self.failure = known
        self.inference_id = inference_id
        self.failed_attempts = failed_attempts
        self.attempts = attempts
        self.settlement = settlement
        self.replayed = False


class NotAcknowledgedError(InferenceFailedError):
    """The broker did not ack the request in time. It may be on the topic all the same, and be called."""
