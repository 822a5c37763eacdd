"""Requests that are claimed and wait for their turn: each in the line of its tenant, until a slot is free for it; and
before that, when every model that may serve it has its max_concurrency, in the lane of the first one for a place of it.

Until then they are opened by nobody and no model is chosen for them: what is true when their turn comes counts.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Literal, NamedTuple
from uuid import UUID

import structlog

from services.router import instruments, reports
from services.router.attempts import Attempts
from services.router.intake import Intake
from services.router.pace import Pace
from services.router.places import Ticket
from services.router.pulse import Pulse
from services.router.room import Room, Seat
from services.router.work import Asked, Begun, Full, Kept, Refused
from shared.errors import Failure, TallygateError, failure
from shared.events import CancelRequested, InferenceRequested, Now, utc_now
from shared.events.topics import ATTEMPTS
from shared.kafka.publisher import Outgoing, Publisher
from shared.priorities import PRIORITIES, Priority
from shared.registry import Model

logger = structlog.get_logger(__name__)

_LEAST_S = 0.01  # between two looks at a wall clock that says that it is not yet time


Inference = tuple[str, UUID]  # tenant and id
Turned = Refused | Literal["handed_back"]
Turn = Turned | Literal["mine"]


class _Waiter(NamedTuple):
    kept: Kept
    woken: asyncio.Event


class Waiting:
    def __init__(
        self, intake: Intake, attempts: Attempts, publisher: Publisher, room: Room, pulse: Pulse, now: Now = utc_now,
        pace: Pace | None = None,
    ) -> None:  # fmt: skip
        self._intake = intake
        self._attempts = attempts
        self._publisher = publisher
        self.room = room
        self.pace = pace or Pace()
        self._pulse = pulse
        self._now = now
        self._kept: dict[Seat, _Waiter] = {}
        self._seats: dict[Inference, list[Seat]] = {}  # two, when it was handed out again meanwhile
        self._tasks: set[asyncio.Task[None]] = set()
        self._moved = asyncio.Event()
        instruments.in_flight.set_function(lambda: room.in_slots)
        for priority in PRIORITIES:
            instruments.in_line.labels(priority).set_function(partial(room.in_lane, priority))

    def keep(self, kept: Kept) -> None:
        """It is claimed, and waits. `run` must follow."""
        self._kept[kept.seat] = _Waiter(kept, asyncio.Event())
        self._seats.setdefault(_inference(kept.asked.request), []).append(kept.seat)

    async def run(self, kept: Kept, life: int) -> None:
        """From `keep` to the settlement. life: of this router's pulse, at the claim."""
        try:
            begun = await self._begun(kept, life)
        finally:
            self._forget(kept)
        if isinstance(begun, Refused):
            await self._attempts.refuse(begun)
        elif isinstance(begun, Begun):
            hold = partial(self.room.hold_answer, kept.seat)
            instruments.begun_after(kept.asked.request, self._now())
            await self._attempts.run(begun, life, hold, on_record=False)

    async def _begun(self, kept: Kept, life: int) -> Begun | Turned:
        """When its turn has come. Without a model that may be called, it waits for a place of the first one."""
        full, seat = kept.full, kept.seat
        while True:
            ticket = None if full is None else self._ticket(full, seat)
            try:
                begun = await self._begun_with(kept, life, ticket, until_told=full is not None and full.unknown)
            finally:
                if ticket is not None:
                    self._attempts.places.close(ticket)
            if not isinstance(begun, Full):
                return begun
            full, refusal = begun, self.set_aside(seat)
            if refusal is not None:
                return Refused(kept.asked.request, "failed", refusal, kept.asked.traceparent)
            self._kept[seat] = _Waiter(kept, asyncio.Event())

    def _ticket(self, full: Full, seat: Seat) -> Ticket:
        wake = partial(self._wake, seat)
        return self._attempts.places.wait(full.model, seat.priority, wake, until_told=full.unknown)

    async def _begun_with(
        self, kept: Kept, life: int, ticket: Ticket | None, *, until_told: bool
    ) -> Begun | Full | Turned:
        """until_told: another model may be called as soon as it is known that there is no place."""
        seat = kept.seat
        if ticket is not None:
            turn = await self._turn(kept, partial(_is_told if until_told else _is_granted, ticket))
            if turn != "mine":
                return _at_capacity(turn, ticket.model) if isinstance(turn, Refused) else turn
            self.room.come_back(seat)
        turn = await self._turn(kept, partial(_is_in_slot, seat))
        self._kept.pop(seat, None)  # from here on nobody else hands it back
        if turn == "mine" and await self._pulse.until_beating(self._remaining_s(kept.asked)):
            turn = "mine" if self._pulse.life == life else await self._hand_back([kept])
        if turn != "mine":
            return turn
        prepared = await self._intake.prepared(kept.asked)
        return prepared if isinstance(prepared, Refused) else self._attempts.begin(prepared, ticket)

    def set_aside(self, seat: Seat) -> Failure | None:
        """It wants no slot until a model can be called. Or why there is no place for it to wait."""
        refusal = self.room.set_aside(seat)
        if refusal is None:
            self._serve()
        return refusal

    def leave(self, seat: Seat) -> None:
        """The seat is free. Whose turn it is now begins."""
        self.room.leave(seat)
        self._serve()

    def _serve(self) -> None:
        while (following := self.room.next()) is not None:
            self._wake(following)
        self.moved()

    def moved(self) -> None:
        """There may be room for bulk again."""
        self._moved.set()

    async def until_moved(self, within_s: float | None = None) -> None:
        self._moved.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._moved.wait()

    async def measure(self) -> None:
        """For `/metrics`: how long the oldest of each lane has waited."""
        oldest: dict[Priority, datetime] = {}
        for seat, waiter in self._kept.items():
            accepted_at = waiter.kept.asked.request.accepted_at
            oldest[seat.priority] = min(accepted_at, oldest.get(seat.priority, accepted_at))
        now = self._now()
        for priority in PRIORITIES:
            age_s = (now - oldest.get(priority, now)).total_seconds()
            instruments.line_age_seconds.labels(priority).set(max(0.0, age_s))

    def cancel(self, event: CancelRequested) -> None:
        for seat in self._seats.get((event.tenant_id, event.inference_id), ()):
            self._wake(seat)

    async def hand_back(self) -> None:
        """All that wait; other routers get them at once."""
        waiters, self._kept = self._kept, {}
        for waiter in waiters.values():
            waiter.woken.set()
        await self._hand_back([waiter.kept for waiter in waiters.values()])

    def lost(self) -> None:
        """This router was silent for so long that what waits here may have been given to another one."""
        task = asyncio.create_task(self.hand_back())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _turn(self, kept: Kept, has_come: Callable[[], bool]) -> Turn:
        """What ends the wait: its turn, a reason why it is over before that, or `hand_back`."""
        while (waiter := self._kept.get(kept.seat)) is not None:
            waiter.woken.clear()
            if has_come():
                return "mine"
            if (over := self._intake.over(kept.asked)) is not None:
                return over
            with suppress(TimeoutError):
                async with asyncio.timeout(max(_LEAST_S, self._remaining_s(kept.asked))):
                    await waiter.woken.wait()
        return "handed_back"

    def _forget(self, kept: Kept) -> None:
        self._kept.pop(kept.seat, None)
        key = _inference(kept.asked.request)
        self._seats[key].remove(kept.seat)
        if not self._seats[key]:
            del self._seats[key]

    def _wake(self, seat: Seat) -> None:
        if (waiter := self._kept.get(seat)) is not None:
            waiter.woken.set()

    def _remaining_s(self, asked: Asked) -> float:
        return (asked.request.expires_at - self._now()).total_seconds()

    async def _hand_back(self, kept: Sequence[Kept]) -> Literal["handed_back"]:
        words = [Outgoing(ATTEMPTS, reports.handed_back(one.held), one.asked.traceparent) for one in kept]
        try:
            if words:
                await self._publisher.publish(*words)
        except TallygateError as error:
            # The monitor recovers them when this router is gone, and settles those that are past their deadlines.
            logger.warning("hand_back.not_acked", reason=error.failure.detail, requests=len(words))
        return "handed_back"


def _is_granted(ticket: Ticket) -> bool:
    return ticket.granted


def _is_told(ticket: Ticket) -> bool:
    return ticket.told


def _is_in_slot(seat: Seat) -> bool:
    return seat.in_slot


def _at_capacity(over: Refused, model: Model) -> Refused:
    """Told what it waited for, when its deadline has passed."""
    if over.settlement != "expired":
        return over
    detail = (
        f"the deadline passed while it waited for {model.id} to have fewer calls than its max_concurrency, "
        f"{model.max_concurrency} over all routers"
    )
    told = failure("model_at_capacity", detail, model=model.id, retry_after_s=1.0)
    return replace(over, failure=told)


def _inference(request: InferenceRequested) -> Inference:
    return request.tenant_id, request.inference_id
