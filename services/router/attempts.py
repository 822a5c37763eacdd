"""Run a claimed inference to its settlement: call, classify, retry, fall back; one event per step.

Every call is on record before it is made: the first by the claim, every further one by `_start_next`. Of a call that is
not on record, the books would know nothing when this router dies, although the endpoint counts it.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from opentelemetry.trace import SpanKind

from services.router import reports, spans
from services.router.callers import Callers, Reply
from services.router.calling import MAX_BODY_BYTES, Brought, Calling, NotCalledError
from services.router.gate import Gate
from services.router.places import Ticket
from services.router.progress import Answered, LostError, OpenCall, Progress
from services.router.pulse import Pulse
from services.router.retry import RetryPolicy, after_failure, before_first_call, within_limit, worth_calling
from services.router.settling import Settling
from services.router.transport import CallFailedError, Hold, Transport, too_large
from services.router.work import Begun, FailedCall, Full, Refused, Work
from shared.crypto import KeyRing, UnreadableSecretError
from shared.errors import Failure, failure
from shared.events import AttemptStarted, CancelRequested, InferenceSettled, Now, utc_now
from shared.events.topics import MAX_EVENT_BYTES
from shared.kafka.publisher import Publisher
from shared.registry.secrets import open_secrets
from shared.selection import Candidate
from shared.telemetry.traces import Traced, tracing

logger = structlog.get_logger(__name__)

# Between two stamps: handing back is told for the moment after the claim that it ends.
_APART = timedelta(microseconds=2)
_SET_BACK = timedelta(seconds=10)  # a clock that was set back by more is believed
_TIMER_SLACK_S = 0.05  # a timer may fire a moment before the clock shows its time


class Attempts:
    def __init__(
        self,
        router_id: str,
        ring: KeyRing,
        transport: Transport,
        publisher: Publisher,
        retries: RetryPolicy,
        gate: Gate,
        pulse: Pulse,
        now: Now = utc_now,
        max_untold_bytes: int = 3_500_000,
        tell_model_names: bool = False,
        was_cancelled: Callable[[str, UUID], bool] = lambda *_: False,
    ) -> None:
        """max_untold_bytes: of a stream's chunks that are held back; as many as an answer that is not streamed has.
        tell_model_names: metrics name tenants' models. was_cancelled: whether an inference of a tenant was."""
        self._router_id = router_id
        self._ring = ring
        self._callers = Callers(ring, publisher)
        self._calling = Calling(transport, self._callers, max_untold_bytes)
        self._settling = Settling(router_id, ring, publisher, self._callers, retries, gate, now, tell_model_names)
        self._retries = retries
        self._gate = gate
        self.places = gate.places
        self._pulse = pulse
        self._now = now
        self._was_cancelled = was_cancelled
        self._stamped_at = now()
        self._running: set[Progress] = set()

    async def stop(self) -> None:
        """When nothing is in flight any more."""
        await self._callers.stop()

    def cancel(self, event: CancelRequested) -> None:
        """Ends the inference as `cancelled`, if it is in flight here. A settlement that has begun may be on record, and
        its reply with the caller: it is not replaced."""
        for progress in self._running:
            request = progress.work.request
            if (request.tenant_id, request.inference_id) != (event.tenant_id, event.inference_id):
                continue
            if not progress.settling and progress.task is not None:
                progress.cancelled = True
                progress.task.cancel()

    @property
    def settling(self) -> set[asyncio.Task[Any]]:
        """Tasks whose inferences have begun to end, which are not to be cancelled.

        Cut short, one would leave the outcome and the settlement of an answered call unacked. The monitor would then
        redeliver the inference: called and paid for again, although its caller may have the reply.
        """
        return {progress.task for progress in self._running if progress.settling and progress.task is not None}

    def admit(self, work: Work, ticket: Ticket | None = None) -> Work | Full | Refused:
        """The work, beginning with the first candidate that the gate lets in now. `run` or `release` must follow.
        ticket: of who has waited for a place."""
        used_up = before_first_call(work.request.attempts_made, self._retries)
        if used_up is not None:
            return Refused(work.request, "failed", used_up, work.traceparent)
        refusals: dict[str, Failure] = {}
        full: Full | None = None
        for place, candidate in enumerate(work.selection.candidates):
            refusal = self._gate.enter(candidate.model, work.request.priority, ticket)
            if refusal is None:
                return work.from_candidate(place, refusals)
            refusals[candidate.model.id] = refusal
            if refusal.error_type == "model_at_capacity":
                full = full or Full(candidate.model)
                if place + 1 < len(work.selection.candidates) and not self.places.is_known(candidate.model):
                    return Full(candidate.model, unknown=True)
        if full is not None:
            return full
        first = next(iter(refusals.values()))
        return Refused(work.request, "failed", first, work.traceparent)

    def stamp(self) -> datetime:
        """When a claim is made, or a call is begun: later than all before, also when the clock is set back a little.
        The books go by this order, and of two claims by this router the later one must be the newer one."""
        now, next_at = self._now(), self._stamped_at + _APART
        self._stamped_at = next_at if now < next_at < now + _SET_BACK else now
        return self._stamped_at

    def begin(self, work: Work, ticket: Ticket | None = None) -> Begun | Full | Refused:
        """The work with the start of its first call, which is not on record yet. `run` or `release` must follow.

        A model with a field that no event can hold ends its own request and no other.
        """
        admitted = self.admit(work, ticket)
        if isinstance(admitted, Refused | Full):
            return admitted
        try:
            return Begun(admitted, reports.attempt_started(admitted, admitted.first, 1, self._router_id, self.stamp()))
        except ValueError as error:
            logger.exception("claim.failed", inference_id=str(work.request.inference_id))
            self.release(admitted)
            reason = failure("internal", f"the call could not be put on record: {type(error).__name__}")
            return Refused(work.request, "failed", reason, work.traceparent)

    def release(self, work: Work) -> None:
        """Leaves the gate again: the call of the first candidate will not be made here."""
        self._gate.leave(work.first.model, None, called=False)

    async def run(self, begun: Begun, life: int, hold: Hold, *, on_record: bool = True) -> None:
        """From the claim, which has succeeded, to the reply. on_record: whether the start is; otherwise it is put there
        first. life: of this router's pulse, when it was claimed. hold: asked before more of an answer is kept."""
        work, started = begun.work, begun.started
        traced = tracing.start(spans.work_name(work), SpanKind.CONSUMER, work.traceparent,
                               spans.work_attributes(work) if tracing.enabled else None)  # fmt: skip
        progress = Progress(
            work, self._now, life, hold, started, OpenCall(work.first.model, started, self._now()),
            unreported=[] if on_record else [started], task=asyncio.current_task(),
            streamed=work.is_streamed, traceparent=traced.traceparent,
        )  # fmt: skip
        self._running.add(progress)
        try:
            await self._run(progress, started, traced)
        except Exception as error:
            # Somebody waits for it, and what was claimed is nobody else's while this router lives.
            logger.exception("inference.crashed", inference_id=str(work.request.inference_id))
            await self._settling.crashed(progress, error, traced)
        finally:
            self._running.discard(progress)
            if progress.streamed_call is not None:
                self._callers.over(progress.streamed_call.out)
            spans.end(traced, progress.settled)

    async def refuse(self, refusal: Refused) -> None:
        """Settle a request that no model is called for, and tell its caller."""
        await self._settling.refuse(refusal)

    async def _run(self, progress: Progress, started: AttemptStarted, traced: Traced) -> None:
        request = progress.work.request
        if self._was_cancelled(request.tenant_id, request.inference_id):  # while it was claimed
            progress.cancelled = True
            await self._settling.cut_short(progress, traced)
            return
        try:
            if progress.unreported:
                await self._put_on_record(progress, traced)
            await self._try_candidates(progress, started, traced)
        except asyncio.CancelledError:
            if progress.settling:  # its event loop ends: the same as if this router had died
                raise
            await self._settling.cut_short(progress, traced)
        except LostError:
            await self._settling.lost(progress, traced)

    async def _try_candidates(self, progress: Progress, started: AttemptStarted, traced: Traced) -> InferenceSettled:
        waiting = list(progress.work.selection.candidates)
        candidate, tries = waiting.pop(0), 0
        while True:
            tries += 1
            outcome = await self._call(progress, candidate, started, traced)
            if isinstance(outcome, InferenceSettled):
                return outcome
            if progress.told:
                return await self._settling.failed(progress, outcome, traced)
            wanted = after_failure(outcome.failure, tries, progress.remaining_s, self._retries)
            waiting = _worth_calling(outcome, waiting)
            decision = within_limit(wanted, progress.calls_of_all, bool(waiting), self._retries)
            progress.limit_reached = decision.limit_reached
            if decision.action == "retry":
                await asyncio.sleep(decision.delay_s)
                waiting.insert(0, candidate)
            following = None if decision.action == "give_up" else await self._enter_next(progress, waiting)
            if following is None:
                return await self._settling.failed(progress, outcome, traced)
            tries = tries if following is candidate else 0
            candidate = following
            started = await self._start_next(progress, candidate, traced)

    async def _enter_next(self, progress: Progress, waiting: list[Candidate]) -> Candidate | None:
        """Takes the next candidate that the gate lets in from `waiting`, or waits for the first that has its
        max_concurrency; None without one, or past the deadline."""
        full: list[Candidate] = []
        while waiting and progress.remaining_s > 0:
            candidate = waiting.pop(0)
            refusal = self._gate.enter(candidate.model, progress.work.request.priority)
            if refusal is None:
                return candidate
            if refusal.error_type == "model_at_capacity":
                full.append(candidate)
        return await self._wait_for(progress, full[0]) if full else None

    async def _wait_for(self, progress: Progress, candidate: Candidate) -> Candidate | None:
        granted = asyncio.Event()
        places, priority = self.places, progress.work.request.priority
        # It has waited before, and has a slot meanwhile.
        ticket = places.wait(candidate.model, priority, granted.set, first=True)
        try:
            async with asyncio.timeout(max(0.0, progress.remaining_s)):
                await granted.wait()
            return candidate if self._gate.enter(candidate.model, priority, ticket) is None else None
        except TimeoutError:
            return None
        finally:
            places.close(ticket)

    async def _call(
        self, progress: Progress, candidate: Candidate, started: AttemptStarted, traced: Traced
    ) -> InferenceSettled | FailedCall:
        model = candidate.model
        span = tracing.start(f"{started.operation_name} {started.request_model}", SpanKind.CLIENT, traced.traceparent,
                             spans.call_attributes(started) if tracing.enabled else None)  # fmt: skip
        began_at = self._now()
        progress.begin(OpenCall(model, started, began_at))
        try:
            brought = await self._brought(progress, candidate, started, span.traceparent)
            answered = self._answered(progress, candidate, started, brought, began_at)
        except LostError:
            raise
        except CallFailedError as error:
            called = not isinstance(error, NotCalledError)
            failed = _expired_or(error.failure, progress)
            return self._settling.fail(progress, failed, span, called=called, took=error.usage)
        except Exception as error:
            # The attempt is on record, so it gets an outcome whatever the error: it would stay open in the books.
            logger.exception("call.failed", attempt_id=str(started.attempt_id), model=model.id)
            unforeseen = failure("internal", f"the router failed: {type(error).__name__}", model=model.id)
            return self._settling.fail(progress, unforeseen, span)
        else:
            span.set(spans.completion_attributes(brought.completion.read))
            return await self._settling.completed(progress, model, answered, traced)
        finally:
            if progress.streamed_call is not None:
                span.set(spans.stream_attributes(progress.streamed_call))
            span.end()

    async def _brought(
        self, progress: Progress, candidate: Candidate, started: AttemptStarted, trace: str | None
    ) -> Brought:
        model = candidate.model
        try:
            secrets = open_secrets(self._ring, model)
        except UnreadableSecretError as error:
            raise CallFailedError(
                failure("key_unreadable", f"the secret of {model.id} cannot be opened: {error}", model=model.id)
            ) from None
        if progress.streamed:
            await self._calling.may_stream(progress)
        await self._be_sure_of(progress)
        return await self._calling.make(progress, model, secrets, started, trace)

    async def _be_sure_of(self, progress: Progress) -> None:
        """Returns when this router is known to live and the inference is still its own; nothing may be awaited between
        this and a call. Raises LostError, and CallFailedError at the deadline."""
        if not await self._pulse.until_beating(progress.remaining_s):
            raise CallFailedError(failure("expired", "the deadline passed while this router's heartbeats got no ack"))
        if self._pulse.life != progress.life:
            raise LostError

    async def _start_next(self, progress: Progress, candidate: Candidate, traced: Traced) -> AttemptStarted:
        """Puts the outcome of the last call and the start of the next one on record together. The call may be made only
        when this returns: both are acked then.
        """
        if self._pulse.life != progress.life:
            self._gate.leave(candidate.model, None, called=False)
            raise LostError
        progress.calls += 1
        now = self._now()
        started = reports.attempt_started(progress.work, candidate, progress.calls, self._router_id, self.stamp())
        # Open and unreported before it is published: when this task is cancelled meanwhile, the start may be on record
        # already or not, and a cut must publish it once more, before its outcome.
        progress.newest, progress.open_call = started, OpenCall(candidate.model, started, now)
        progress.unreported.append(started)
        await self._put_on_record(progress, traced)
        return started

    async def _put_on_record(self, progress: Progress, traced: Traced) -> None:
        await self._settling.report(traced.traceparent, *progress.unreported)
        progress.unreported.clear()

    def _answered(
        self, progress: Progress, candidate: Candidate, started: AttemptStarted, brought: Brought, began_at: datetime
    ) -> Answered:
        """Raises CallFailedError when the answer, translated and sealed, is larger than an event may be."""
        now, model, (completion, more) = self._now(), candidate.model, brought
        if len(completion.body) > MAX_BODY_BYTES:
            detail = (
                "answered with what is too large to be passed on: "
                f"{len(completion.body)} bytes when translated, and sealed in base64 it exceeds the {MAX_EVENT_BYTES} "
                "bytes of an event"
            )
            raise too_large(model, progress.work.request.operation_name, detail)
        ended = reports.attempt_succeeded(started, completion, began_at, now, more)
        settled = reports.completed(progress.work, ended, now)
        said = reports.reply_completed(settled)
        if (stream := progress.streamed_call) is None:
            return Answered(ended, settled, Reply(self._ring, said, completion.body))
        told = said.model_copy(update={"form": "chunks", "chunk_frames": stream.out.frames})
        return Answered(ended, settled, Reply(self._ring, told, completion.body, stream.out))


def _worth_calling(failed: FailedCall, waiting: list[Candidate]) -> list[Candidate]:
    window = failed.model.context_window
    return [other for other in waiting if worth_calling(failed.failure, window, other.model.context_window)]


def _expired_or(call_failure: Failure, progress: Progress) -> Failure:
    """`expired` when the call timed out at the inference's own deadline; else the failure as it is."""
    timed_out = call_failure.error_type in {"read_timeout", "connect_timeout"}
    if progress.remaining_s > _TIMER_SLACK_S or not timed_out:
        return call_failure
    return failure("expired", f"the deadline passed while {call_failure.detail}")
