"""Run a claimed inference to its settlement: call, classify, retry, fall back; one event per step.

Every call is on record before it is made: the first by the claim, every further one by `_start_next`. Of a call that is
not on record, the books would know nothing when this router dies, although the endpoint counts it.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from opentelemetry.trace import SpanKind

from services.router import reports
from services.router.gate import Gate
from services.router.pulse import Pulse
from services.router.retry import RetryPolicy, after_failure, at_limit, before_first_call, within_limit
from services.router.transport import CallFailedError, Hold, Transport
from services.router.work import Begun, FailedCall, Refused, Work
from shared.crypto import KeyRing, UnreadableSecretError
from shared.errors import Failure, failure
from shared.events import (
    AttemptEnded,
    AttemptStarted,
    CancelRequested,
    Event,
    InferenceHeld,
    InferenceRequested,
    InferenceSettled,
    Now,
    ReplyCompleted,
    ReplyFailed,
    utc_now,
)
from shared.events.inference import Settlement
from shared.events.topics import ATTEMPTS, MAX_EVENT_BYTES, MAX_SEALED_BYTES, OUTCOMES, REPLIES, RESULTS, Topic
from shared.kafka.publisher import Outgoing, Publisher, UnpublishableError
from shared.registry import Model
from shared.registry.secrets import open_secrets
from shared.selection import Candidate
from shared.telemetry import instruments, names
from shared.telemetry.traces import Traced, tracing
from shared.wire import Completion

logger = structlog.get_logger(__name__)

# Between two stamps: handing back is told for the moment after the claim that it ends.
_APART = timedelta(microseconds=2)
_SET_BACK = timedelta(seconds=10)  # a clock that was set back by more is believed
_TIMER_SLACK_S = 0.05  # a timer may fire a moment before the clock shows its time


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
    reply: ReplyCompleted


@dataclass(slots=True, eq=False)
class Progress:
    """What has happened to one inference so far. life: of this router, in which it was claimed."""

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
    task: asyncio.Task[Any] | None = None
    settling: asyncio.Task[InferenceSettled | None] | None = None  # or handing back

    @property
    def remaining_s(self) -> float:
        return (self.work.request.expires_at - self.now()).total_seconds()

    @property
    def calls_of_all(self) -> int:
        """Also of earlier deliveries."""
        return self.work.request.attempts_made + self.calls

    @property
    def error(self) -> Failure:
        """The failure that is reported to the caller: the last one of the first candidate, if that was called."""
        wanted = [call for call in self.failed if call.model.id == self.work.first.model.id]
        return (wanted or self.failed)[-1].failure


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
    ) -> None:
        self._router_id = router_id
        self._ring = ring
        self._transport = transport
        self._publisher = publisher
        self._retries = retries
        self._gate = gate
        self._pulse = pulse
        self._now = now
        self._stamped_at = now()
        self._running: set[Progress] = set()

    def cancel(self, event: CancelRequested) -> None:
        """Ends the inference as `cancelled`, if it is in flight here and its settlement has not begun."""
        for progress in self._running:
            request = progress.work.request
            if (request.tenant_id, request.inference_id) != (event.tenant_id, event.inference_id):
                continue
            # A settlement that has begun may be on record, and its reply with the caller: it is not replaced.
            if progress.settling is None and progress.task is not None:
                progress.cancelled = True
                progress.task.cancel()

    def admit(self, work: Work) -> Work | Refused:
        """The work, beginning with the first candidate that the gate lets in now. `run` or `release` must follow."""
        used_up = before_first_call(work.request.attempts_made, self._retries)
        if used_up is not None:
            return Refused(work.request, "failed", used_up, work.traceparent)
        refusals: dict[str, Failure] = {}
        for place, candidate in enumerate(work.selection.candidates):
            refusal = self._gate.enter(candidate.model)
            if refusal is None:
                return work.from_candidate(place, refusals)
            refusals[candidate.model.id] = refusal
        first = next(iter(refusals.values()))
        return Refused(work.request, "failed", first, work.traceparent)

    def stamp(self) -> datetime:
        """When a claim is made, or a call is begun: later than all before, also when the clock is set back a little.
        The books go by this order, and of two claims by this router the later one must be the newer one."""
        now, next_at = self._now(), self._stamped_at + _APART
        self._stamped_at = next_at if now < next_at < now + _SET_BACK else now
        return self._stamped_at

    def begin(self, work: Work) -> Begun | Refused:
        """The work with the start of its first call, which is not on record yet. `run` or `release` must follow.

        A model with a field that no event can hold ends its own request and no other.
        """
        admitted = self.admit(work)
        if isinstance(admitted, Refused):
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
        traced = tracing.start(f"{names.PROCESS} inference.requests.v1", SpanKind.CONSUMER, work.traceparent,
                               _work_attributes(work) if tracing.enabled else None)  # fmt: skip
        progress = Progress(
            work, self._now, life, hold, started, OpenCall(work.first.model, started, self._now()),
            unreported=[] if on_record else [started], task=asyncio.current_task(),
        )  # fmt: skip
        self._running.add(progress)
        try:
            await self._run(progress, started, traced)
        except Exception as error:
            # Somebody waits for it, and what was claimed is nobody else's while this router lives.
            logger.exception("inference.crashed", inference_id=str(work.request.inference_id))
            await self._settle_crashed(progress, error, traced)
        finally:
            self._running.discard(progress)
            _end(traced, progress.settled)

    async def refuse(self, refusal: Refused) -> None:
        """Settle a request that no model is called for, and tell its caller."""
        settled = reports.refused(refusal, self._router_id, self._now())
        reply = reports.reply_failed(settled, refusal.failure)
        try:
            await self._report(refusal.request, refusal.traceparent, settled, reply)
        except UnpublishableError as error:  # a refusal fits a record; this is a broker that is set up wrongly
            logger.error("refusal.unpublishable", inference_id=str(settled.inference_id), reason=str(error))  # noqa: TRY400

    async def _run(self, progress: Progress, started: AttemptStarted, traced: Traced) -> None:
        try:
            if progress.unreported:
                await self._put_on_record(progress, traced)
            await self._try_candidates(progress, started, traced)
        except asyncio.CancelledError:
            await self._cut_short(progress, traced)
        except LostError:
            detail = f"router {self._router_id} was silent for too long before it could call"
            await _to_its_end(progress, self._hand_back(progress, failure("handed_back", detail), traced))

    async def _try_candidates(self, progress: Progress, started: AttemptStarted, traced: Traced) -> InferenceSettled:
        waiting = list(progress.work.selection.candidates)
        candidate, tries = waiting.pop(0), 0
        while True:
            tries += 1
            outcome = await self._call(progress, candidate, started, traced)
            if isinstance(outcome, InferenceSettled):
                return outcome
            wanted = after_failure(outcome.failure, tries, progress.remaining_s, self._retries)
            decision = within_limit(wanted, progress.calls_of_all, bool(waiting), self._retries)
            progress.limit_reached = decision.limit_reached
            if decision.action == "retry":
                await asyncio.sleep(decision.delay_s)
                waiting.insert(0, candidate)
            following = None if decision.action == "give_up" else self._enter_next(progress, waiting)
            if following is None:
                return await self._settle(progress, self._settle_failed(progress, outcome, traced))
            tries = tries if following is candidate else 0
            candidate = following
            started = await self._start_next(progress, candidate, traced)

    def _enter_next(self, progress: Progress, waiting: list[Candidate]) -> Candidate | None:
        """Takes the next candidate that the gate lets in from `waiting`; None without one, or past the deadline."""
        while waiting and progress.remaining_s > 0:
            candidate = waiting.pop(0)
            if self._gate.enter(candidate.model) is None:
                return candidate
        return None

    async def _call(
        self, progress: Progress, candidate: Candidate, started: AttemptStarted, traced: Traced
    ) -> InferenceSettled | FailedCall:
        model = candidate.model
        span = tracing.start(f"chat {started.request_model}", SpanKind.CLIENT, traced.traceparent,
                             _call_attributes(started) if tracing.enabled else None)  # fmt: skip
        began_at = self._now()
        progress.open_call = OpenCall(model, started, began_at)
        try:
            completion = await self._completion(progress, candidate, started)
            answered = self._answered(progress, candidate, started, completion, began_at)
        except LostError:
            raise
        except CallFailedError as error:
            return self._failed(progress, _expired_or(error.failure, progress), span)
        except Exception as error:
            # The attempt is on record, so it gets an outcome whatever the error: it would stay open in the books.
            logger.exception("call.failed", attempt_id=str(started.attempt_id), model=model.id)
            unforeseen = failure("internal", f"the router failed: {type(error).__name__}", model=model.id)
            return self._failed(progress, unforeseen, span)
        else:
            span.set(_completion_attributes(completion))
            return await self._settle(progress, self._settle_completed(progress, model, answered, traced))
        finally:
            span.end()

    def _failed(self, progress: Progress, told: Failure, span: Traced | None) -> FailedCall:
        """Close the open call with this failure."""
        if progress.open_call is None:
            raise AssertionError("no call is open")
        model, started, began_at = progress.open_call
        ended = reports.attempt_failed(started, told, began_at, self._now())
        if span is not None:
            span.fail(told.error_type)
        progress.failed.append(FailedCall(model, told, ended))
        self._close(progress, model, ended, told)
        return progress.failed[-1]

    def _close(self, progress: Progress, model: Model, ended: AttemptEnded, failed: Failure | None) -> None:
        """The open call has its outcome, which goes on record with the next report."""
        progress.open_call, progress.last = None, ended
        progress.unreported.append(ended)
        self._gate.leave(model, failed, called=failed is None or _has_reached(failed))
        _count(model, ended)

    async def _settle(self, progress: Progress, settlement: Coroutine[Any, Any, InferenceSettled]) -> InferenceSettled:
        """Finishes a settlement that has begun, also when the task is cancelled in the middle of it.

        Shielded, because a router that stops in the middle would leave the outcome and the settlement of an answered
        call unacked. The monitor would then redeliver the inference: called and paid for again, although its caller may
        have the reply.
        """
        task = asyncio.create_task(settlement)
        progress.settling = task
        return await asyncio.shield(task)

    async def _completion(self, progress: Progress, candidate: Candidate, started: AttemptStarted) -> Completion:
        model = candidate.model
        try:
            secrets = open_secrets(self._ring, model)
        except UnreadableSecretError as error:
            raise CallFailedError(
                failure("key_unreadable", f"the secret of {model.id} cannot be opened: {error}", model=model.id)
            ) from None
        await self._be_sure_of(progress)
        timeout_s = max(0.001, min(model.timeout_s, progress.remaining_s))
        return await self._transport.complete(
            model, secrets, progress.work.body, str(started.attempt_id), timeout_s, progress.hold
        )

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
        # already or not, and `_cut_short` must publish it once more, before its outcome.
        progress.newest, progress.open_call = started, OpenCall(candidate.model, started, now)
        progress.unreported.append(started)
        await self._put_on_record(progress, traced)
        return started

    async def _put_on_record(self, progress: Progress, traced: Traced) -> None:
        await self._report(progress.work.request, traced.traceparent, *progress.unreported)
        progress.unreported.clear()

    def _answered(
        self, progress: Progress, candidate: Candidate, started: AttemptStarted, completion: Completion,
        began_at: datetime,
    ) -> Answered:  # fmt: skip
        """Raises CallFailedError when the answer, translated and sealed, is larger than an event may be."""
        now, model = self._now(), candidate.model
        ended = reports.attempt_succeeded(started, model, completion, began_at, now)
        settled = reports.completed(progress.work, ended, now)
        reply = reports.reply_completed(self._ring, settled, completion.body)
        if len(reply.sealed_body) > MAX_SEALED_BYTES:
            size = len(completion.body)
            detail = (
                f"{model.server_address} answered with a completion that is too large to be passed on: {size} bytes "
                f"when translated, and sealed in base64 it exceeds the {MAX_EVENT_BYTES} bytes of an event"
            )
            tips = ("Ask for a shorter answer (max_tokens).",)
            too_large = failure("bad_response", detail, model=model.id, tips=tips)
            raise CallFailedError(too_large.model_copy(update={"retryable": False}))  # it would be as large again
        return Answered(ended, settled, reply)

    async def _settle_completed(
        self, progress: Progress, model: Model, answered: Answered, traced: Traced
    ) -> InferenceSettled:
        self._close(progress, model, answered.ended, None)
        return await self._report_settled(progress, answered.settled, answered.reply, traced)

    async def _settle_failed(self, progress: Progress, last: FailedCall, traced: Traced) -> InferenceSettled:
        if last.failure.error_type == "expired":
            return await self._settle_as(progress, "expired", last.failure, traced)
        error = at_limit(progress.error, self._retries) if progress.limit_reached else progress.error
        return await self._settle_as(progress, "failed", error, traced)

    async def _settle_as(
        self, progress: Progress, settlement: Settlement, error: Failure, traced: Traced
    ) -> InferenceSettled:
        if progress.last is None:
            raise AssertionError("no call has ended")
        settled = reports.failed(progress.work, settlement, error, progress.last, self._now())
        reply = reports.reply_failed(settled, error, tuple(progress.failed))
        return await self._report_settled(progress, settled, reply, traced)

    async def _report_settled(
        self, progress: Progress, settled: InferenceSettled, reply: Event, traced: Traced
    ) -> InferenceSettled:
        await self._report(progress.work.request, traced.traceparent, *progress.unreported, settled, reply)
        progress.settled = settled
        return settled

    async def _settle_crashed(self, progress: Progress, error: Exception, traced: Traced) -> None:
        """Settled as `internal`. Raises what makes even that impossible."""
        if progress.settled is not None:
            return
        told = failure("internal", f"the router failed: {type(error).__name__}")
        if progress.open_call is not None:
            self._failed(progress, told, None)
        await _to_its_end(progress, self._settle_by_any_words(progress, told, traced))

    async def _settle_by_any_words(self, progress: Progress, told: Failure, traced: Traced) -> InferenceSettled:
        """When what is known of the calls cannot be published, each gets an outcome that says only this.

        A start that could not be published is left out, with its outcome: the call was not made, and an outcome without
        a start would be one that the books cannot explain.
        """
        try:
            return await self._settle_as(progress, "failed", told, traced)
        except Exception:
            logger.exception("settlement.failed", inference_id=str(progress.work.request.inference_id))
        unstarted = {event.attempt_id for event in progress.unreported if isinstance(event, AttemptStarted)}
        progress.unreported = [
            reports.without_details(event, told)
            for event in progress.unreported
            if isinstance(event, AttemptEnded) and event.attempt_id not in unstarted
        ]
        progress.failed.clear()
        return await self._settle_as(progress, "failed", told, traced)

    async def _cut_short(self, progress: Progress, traced: Traced) -> InferenceSettled | None:
        """The task was cancelled. For a caller's cancellation the inference is settled as `cancelled`. When the router
        stops, the call ends as `handed_back` without a settlement, and the monitor redelivers the request.
        """
        if progress.settling is not None:
            return await progress.settling
        if not progress.cancelled:
            stopped = failure("handed_back", f"router {self._router_id} was stopped")
            await self._hand_back(progress, stopped, traced)
            return None
        refusal = failure("cancelled", "the caller cancelled it")
        if progress.open_call is not None:
            self._failed(progress, refusal, None)
        return await self._settle_as(progress, "cancelled", refusal, traced)

    async def _hand_back(self, progress: Progress, told: Failure, traced: Traced) -> None:
        """The inference ends here without a settlement, and the monitor hands it to another router."""
        if progress.open_call is not None:
            self._failed(progress, told, None)
        let_go = reports.handed_back(progress.newest)
        await self._report(progress.work.request, traced.traceparent, *progress.unreported, let_go)

    async def _report(self, request: InferenceRequested, traceparent: str | None, *events: Event) -> None:
        """Publishes the events together, and again until all are acked; their ids make repetitions harmless.

        The reply goes with the settlement (decision 0007), which saves the caller a round trip. A router that dies
        before all are acked leaves the inference as one that dies during the call: the monitor recovers it.
        """
        outgoing = [
            Outgoing(topic, event, traceparent, partition)
            for event in events
            for topic, partition in _destinations(event, request)
        ]
        await self._publisher.publish_until_acked(*outgoing)
        for event in events:
            if isinstance(event, InferenceSettled):
                error_type = event.error.error_type if event.error else ""
                instruments.settlements.labels(event.settlement, error_type).inc()


async def _to_its_end(progress: Progress, ending: Coroutine[Any, Any, InferenceSettled | None]) -> None:
    """Also when the task is cancelled meanwhile."""
    progress.settling = asyncio.create_task(ending)
    try:
        await asyncio.shield(progress.settling)
    except asyncio.CancelledError:
        await progress.settling


def _end(traced: Traced, settled: InferenceSettled | None) -> None:
    if settled is not None:
        traced.set({names.SETTLEMENT: settled.settlement})
        if settled.error is not None:
            traced.fail(settled.error.error_type)
    traced.end()


def _destinations(event: Event, request: InferenceRequested) -> list[tuple[Topic, int | None]]:
    """Topics and partitions of an event. A reply goes to the waiting process, the stored results, both or neither."""
    match event:
        case AttemptStarted() | InferenceHeld():
            return [(ATTEMPTS, None)]
        case ReplyCompleted() | ReplyFailed():
            waiting = [] if request.reply_partition is None else [(REPLIES, request.reply_partition)]
            return waiting + ([(RESULTS, None)] if request.store_result else [])
        case _:
            return [(OUTCOMES, None)]


def _has_reached(call_failure: Failure) -> bool:
    """Whether the failure tells anything of the endpoint. Those that arise here, before a byte is sent, do not."""
    if call_failure.error_type in {"handed_back", "cancelled", "key_unreadable", "endpoint_forbidden"}:
        return False
    return call_failure.error_type != "invalid_request" or call_failure.upstream_status is not None


def _expired_or(call_failure: Failure, progress: Progress) -> Failure:
    """`expired` when the call timed out at the inference's own deadline; else the failure as it is."""
    timed_out = call_failure.error_type in {"read_timeout", "connect_timeout"}
    if progress.remaining_s > _TIMER_SLACK_S or not timed_out:
        return call_failure
    return failure("expired", f"the deadline passed while {call_failure.detail}")


def _count(model: Model, ended: AttemptEnded) -> None:
    error_type = ended.error.error_type if ended.error else ""
    name = "custom" if model.is_custom else model.id  # tenants name as many as they like
    instruments.attempts.labels(name, ended.outcome, error_type).inc()
    instruments.attempt_seconds.labels(name).observe(ended.duration_s)


def _work_attributes(work: Work) -> dict[str, object]:
    return {
        names.MESSAGING_SYSTEM: "kafka",
        names.MESSAGING_OPERATION_TYPE: "process",
        names.MESSAGING_OPERATION_NAME: names.PROCESS,
        names.MESSAGING_DESTINATION: "inference.requests.v1",
        names.MESSAGING_PARTITION: str(work.source.partition),
        names.MESSAGING_OFFSET: work.source.offset,
        names.INFERENCE_ID: str(work.request.inference_id),
        names.TENANT: work.request.tenant_id,
    }


def _call_attributes(started: AttemptStarted) -> dict[str, object]:
    host, _, port = started.server_address.rpartition(":")
    return {
        names.GEN_AI_OPERATION: started.operation_name,
        names.GEN_AI_PROVIDER: started.provider_name,
        names.GEN_AI_REQUEST_MODEL: started.request_model,
        names.SERVER_ADDRESS: host,
        names.SERVER_PORT: int(port),
        names.INFERENCE_ID: str(started.inference_id),
        names.ATTEMPT_ID: str(started.attempt_id),
        names.ATTEMPT_NUMBER: started.attempt_number,
        names.MODEL_ID: started.model,
    }


def _completion_attributes(completion: Completion) -> dict[str, object]:
    return {
        names.GEN_AI_RESPONSE_MODEL: completion.read.response_model,
        names.GEN_AI_FINISH_REASONS: completion.read.finish_reasons,
        names.GEN_AI_INPUT_TOKENS: completion.read.usage.input_tokens,
        names.GEN_AI_OUTPUT_TOKENS: completion.read.usage.output_tokens,
    }
