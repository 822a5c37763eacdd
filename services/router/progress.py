"""What has happened to one inference so far, as values."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from services.router.callers import Reply
from services.router.streamed_call import StreamedCall
from services.router.transport import Hold
from services.router.work import FailedCall, Work
from shared.errors import Failure
from shared.events import AttemptEnded, AttemptStarted, InferenceSettled, Now
from shared.registry import Model


class LostError(Exception):
    """This router was silent for so long that the inference may be another router's by now. It calls no model more."""


class OpenCall(NamedTuple):
    """A call that is on record and has no outcome yet."""

    model: Model
    started: AttemptStarted
    began_at: datetime


class Answered(NamedTuple):
    """What is said of a call that brought a completion."""

    ended: AttemptEnded
    settled: InferenceSettled
    reply: Reply


@dataclass(slots=True, eq=False)
class Progress:
    """What has happened to one inference so far. life: of this router, in which it was claimed.

    streamed: it is called for as a stream, whose chunks go to the caller as they come; by_lane: if the lane can be had.
    streamed_call: the newest one.
    """

    work: Work
    now: Now
    life: int
    hold: Hold
    newest: AttemptStarted
    open_call: OpenCall | None
    calls: int = 1
    failed: list[FailedCall] = field(default_factory=list)
    # Outcomes that are not published yet: they go with the next start or the settlement, which saves a round trip. If
    # this router dies before that, the monitor closes these attempts as `router_lost`. And the start that they go with,
    # until both are acked.
    unreported: list[AttemptEnded | AttemptStarted] = field(default_factory=list)
    last: AttemptEnded | None = None
    settled: InferenceSettled | None = None
    limit_reached: bool = False
    cancelled: bool = False
    streamed: bool = False
    by_lane: bool = True
    streamed_call: StreamedCall | None = None
    task: asyncio.Task[Any] | None = None
    traceparent: str | None = None  # of the span of this work
    settling: bool = False  # or handing back: from then on it is not cancelled

    def begin(self, call: OpenCall) -> None:
        self.open_call, self.streamed_call = call, None

    @property
    def remaining_s(self) -> float:
        return (self.work.request.expires_at - self.now()).total_seconds()

    @property
    def told(self) -> bool:
        """Whether the caller has something of an answer, which nothing else can follow."""
        return self.streamed_call is not None and self.streamed_call.out.told

    @property
    def calls_of_all(self) -> int:
        """Also of earlier deliveries."""
        return self.work.request.attempts_made + self.calls

    @property
    def error(self) -> Failure:
        """The failure that is reported to the caller: the last one of the first candidate, if that was called."""
        wanted = [call for call in self.failed if call.model.id == self.work.first.model.id]
        return (wanted or self.failed)[-1].failure
