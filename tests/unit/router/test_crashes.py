"""Wherever a run crashes by what nobody foresaw: each call has its outcome, the caller its answer, the slot is free."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.router import attempts as running
from services.router import measured, reports, spans
from services.router.attempts import Attempts
from services.router.breaker import BreakerPolicy
from services.router.gate import Gate
from services.router.retry import RetryPolicy
from services.router.room import RoomLimits, Seat
from services.router.transport import CallFailedError
from services.router.work import Begun, Work
from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.errors import failure
from shared.events import AttemptEnded, AttemptStarted, Event, InferenceSettled, ReplyFailed, utc_now
from shared.kafka.publisher import Outgoing
from shared.wire import Completion
from shared.wire.reading.completions import CompletionRead
from tests.support.claims import claims_of
from tests.support.places import no_places, places_at_hand
from tests.unit.router.values import beating, holds_all, model, work

COMPLETION = Completion(b"{}", CompletionRead(text="hi", response_model="m"))


class Acked:
    """Keeps what is published; what `refuses` says of an event is raised instead."""

    acks_are_late = False

    def __init__(self, refuses: Callable[[Event], Exception | None]) -> None:
        self.events: list[Event] = []
        self._refuses = refuses

    async def publish_until_acked(self, *outgoing: Outgoing) -> None:
        facts = [fact for message in outgoing for fact in message.event.facts]
        for fact in facts:
            if (error := self._refuses(fact)) is not None:
                raise error
        self.events += facts


class Endpoint:
    def __init__(self, *answers: Completion | Exception) -> None:
        self._answers = list(answers)

    async def complete(self, *_: Any) -> Completion:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Run:
    """One inference from its claim on."""

    def __init__(
        self, *answers: Completion | Exception, refuses: Callable[[Event], Exception | None] | None = None
    ) -> None:
        self.acked = Acked(refuses or (lambda _: None))
        now = utc_now()
        self.work: Work = work(
            model(max_concurrency=1), accepted_at=now, deadline_at=now + timedelta(seconds=60), reply_partition=1
        )
        self.gate = Gate(BreakerPolicy(20, 1.0, 1.0), no_places())
        endpoint: Any = Endpoint(*answers)
        publisher: Any = self.acked
        ring = KeyRing.parse(new_key("k"))
        self.attempts = Attempts("r1", ring, endpoint, publisher, RetryPolicy(3, 0.0, 0.0), self.gate, beating())
        self.first = reports.attempt_started(self.work, self.work.first, 1, "r1", utc_now())

    async def to_its_end(self) -> None:
        with capture_logs():
            await self._run()

    async def _run(self) -> None:
        nothing: Any = None
        claims = claims_of(nothing, self.attempts, nothing, RoomLimits(slots=1), beating())
        seat = claims._room.enter("acme", 0)
        assert isinstance(seat, Seat)
        self.gate.places = self.attempts.places = await places_at_hand(self.work.first.model)
        self.attempts.admit(self.work)
        claims._spawn(self.attempts.run(Begun(self.work, self.first), 0, holds_all), seat)
        async with asyncio.timeout(30):
            await asyncio.gather(*claims._tasks, return_exceptions=True)
        await asyncio.sleep(0)
        assert claims.in_flight == 0
        assert self.gate.enter(self.work.first.model) is None, "the model's place is not free"

    def assert_answered(self) -> None:
        events = self.acked.events
        starts = [self.first, *(event for event in events if isinstance(event, AttemptStarted))]
        assert [event.attempt_id for event in events if isinstance(event, AttemptEnded)] == [
            event.attempt_id for event in starts
        ]
        (settled,) = (event for event in events if isinstance(event, InferenceSettled))
        (reply,) = (event for event in events if isinstance(event, ReplyFailed))
        assert settled.error is not None
        assert (settled.settlement, settled.error.error_type) == ("failed", "internal")
        assert reply.error == settled.error


def crash(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError


@pytest.mark.parametrize("place", ["attempt_succeeded", "completed", "reply_completed"])
async def test_between_the_answer_and_its_settlement(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(COMPLETION)
    monkeypatch.setattr(reports, place, crash)
    await run.to_its_end()
    run.assert_answered()


@pytest.mark.parametrize(("module", "place"), [(running, "after_failure"), (measured, "count")])
async def test_between_a_failure_and_what_follows(module: Any, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(CallFailedError(failure("server_error", "503")))
    monkeypatch.setattr(module, place, crash)
    await run.to_its_end()
    run.assert_answered()


async def test_before_the_first_call_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(COMPLETION)
    monkeypatch.setattr(Attempts, "_call", crash)
    await run.to_its_end()
    run.assert_answered()


async def test_when_a_further_call_cannot_be_put_on_record() -> None:
    run = Run(
        CallFailedError(failure("server_error", "503")),
        refuses=lambda event: ZeroDivisionError() if isinstance(event, AttemptStarted) else None,
    )
    await run.to_its_end()
    ended = [event.attempt_number for event in run.acked.events if isinstance(event, AttemptEnded)]
    assert ended == [1]  # the second call was never made, and an outcome without a start would not balance
    assert any(isinstance(event, ReplyFailed) for event in run.acked.events)


async def test_when_what_the_endpoint_said_cannot_be_published() -> None:
    run = Run(COMPLETION, refuses=lambda event: ValueError() if getattr(event, "response_model", None) else None)
    await run.to_its_end()
    run.assert_answered()


async def test_when_nothing_at_all_can_be_published_the_slot_is_free_and_it_is_logged() -> None:
    run = Run(COMPLETION, refuses=lambda _: ValueError())
    with capture_logs() as logged:
        await run._run()
    assert run.acked.events == []
    assert {entry["event"] for entry in logged} == {"inference.crashed", "settlement.failed", "inference.unsettled"}


async def test_what_is_settled_already_is_not_settled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(COMPLETION)
    monkeypatch.setattr(spans, "end", lambda *_: None)
    monkeypatch.setattr(Attempts, "_try_candidates", settles_and_crashes(Attempts._try_candidates))
    await run.to_its_end()
    assert len([event for event in run.acked.events if isinstance(event, InferenceSettled)]) == 1


def settles_and_crashes(really: Any) -> Any:
    async def both(*values: Any) -> None:
        await really(*values)
        raise ZeroDivisionError

    return both
