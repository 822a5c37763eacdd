"""The ends of an inference: its calls get their outcomes, and it a settlement and a reply, or it is handed back."""

import asyncio
from collections.abc import Sequence

import structlog

from services.router import counting, measured, reports
from services.router.callers import Callers, Reply
from services.router.gate import Gate
from services.router.instruments import inference_seconds
from services.router.progress import Answered, Progress
from services.router.retry import RetryPolicy, at_limit
from services.router.work import FailedCall, Refused
from shared.crypto import KeyRing
from shared.errors import Failure, failure
from shared.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    InferenceHeld,
    InferenceRequested,
    InferenceSettled,
    Now,
)
from shared.events.inference import Settlement
from shared.events.topics import ATTEMPTS, OUTCOMES, REPLIES, RESULTS, Topic
from shared.kafka.publisher import Outgoing, Publisher, UnpublishableError
from shared.registry import Model
from shared.telemetry.attempts import model_label
from shared.telemetry.settlements import settlements
from shared.telemetry.traces import Traced, tracing
from shared.wire.reading.usage import NO_USAGE, Usage

logger = structlog.get_logger(__name__)


class Settling:
    def __init__(
        self, router_id: str, ring: KeyRing, publisher: Publisher, callers: Callers, retries: RetryPolicy, gate: Gate,
        now: Now, tell_model_names: bool,
    ) -> None:  # fmt: skip
        self._router_id = router_id
        self._ring = ring
        self._callers = callers
        self._publisher = publisher
        self._retries = retries
        self._gate = gate
        self._now = now
        self._tell_model_names = tell_model_names

    async def refuse(self, refusal: Refused) -> None:
        """Settle a request that no model is called for, and tell its caller."""
        settled = reports.refused(refusal, self._router_id, self._now())
        reply = Reply(self._ring, reports.reply_failed(settled, refusal.failure))
        try:
            await self._report_settled(refusal.request, refusal.traceparent, (settled,), reply)
        except UnpublishableError as error:  # a refusal fits a record; this is a broker that is set up wrongly
            logger.error("refusal.unpublishable", inference_id=str(settled.inference_id), reason=str(error))  # noqa: TRY400

    def fail(
        self, progress: Progress, told: Failure, span: Traced | None, *, called: bool = True, took: Usage = NO_USAGE
    ) -> FailedCall:
        """Close the open call with this failure. called: whether it tells something of the endpoint. took: what the
        endpoint says that it took all the same."""
        if progress.open_call is None:
            raise AssertionError("no call is open")
        model, started, began_at = progress.open_call
        booked = reports.booked(counting.of_failure(told, took, sent=called), model)
        if (stream := progress.streamed_call) is not None:
            booked |= reports.of_stream(stream, model, progress.work)
        ended = reports.attempt_failed(started, told, began_at, self._now(), booked)
        if span is not None:
            span.fail(told.error_type)
        progress.failed.append(FailedCall(model, told, ended))
        self._close(progress, model, ended, told, called=called and _has_reached(told))
        return progress.failed[-1]

    def _close(
        self, progress: Progress, model: Model, ended: AttemptEnded, failed: Failure | None, *, called: bool = True
    ) -> None:
        """The open call has its outcome, which goes on record with the next report."""
        progress.open_call, progress.last = None, ended
        progress.unreported.append(ended)
        self._gate.leave(model, failed, called=called)
        labels = measured.Labels(
            progress.work.request.operation_name,
            ended.provider_name,
            model_label(model.id, told=self._tell_model_names),
        )
        measured.count(labels, ended, progress.streamed_call, tracing.exemplar(progress.traceparent))

    async def completed(self, progress: Progress, model: Model, answered: Answered, traced: Traced) -> InferenceSettled:
        progress.settling = True
        self._close(progress, model, answered.ended, None)
        return await self._end(progress, answered.settled, answered.reply, traced)

    async def failed(self, progress: Progress, last: FailedCall, traced: Traced) -> InferenceSettled:
        progress.settling = True
        if last.failure.error_type == "expired":
            return await self._settle_as(progress, "expired", last.failure, traced)
        error = last.failure if progress.told else progress.error
        error = at_limit(error, self._retries) if progress.limit_reached else error
        return await self._settle_as(progress, "failed", error, traced)

    async def _settle_as(
        self, progress: Progress, settlement: Settlement, error: Failure, traced: Traced
    ) -> InferenceSettled:
        if progress.last is None:
            raise AssertionError("no call has ended")
        settled = reports.failed(progress.work, settlement, error, progress.last, self._now())
        reply = Reply(self._ring, reports.reply_failed(settled, error, tuple(progress.failed)))
        return await self._end(progress, settled, reply, traced)

    async def _end(
        self, progress: Progress, settled: InferenceSettled, reply: Reply, traced: Traced
    ) -> InferenceSettled:
        words = reports.together(progress.unreported, settled)
        await self._report_settled(progress.work.request, traced.traceparent, words, reply)
        progress.settled = settled
        return settled

    async def crashed(self, progress: Progress, error: Exception, traced: Traced) -> None:
        """Settled as `internal`. Raises what makes even that impossible."""
        if progress.settled is not None:
            return
        told = failure("internal", f"the router failed: {type(error).__name__}")
        progress.settling = True
        if progress.open_call is not None:
            self.fail(progress, told, None)
        await self._settle_by_any_words(progress, told, traced)

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

    async def cut_short(self, progress: Progress, traced: Traced) -> InferenceSettled | None:
        """The task was cancelled. For a caller's cancellation the inference is settled as `cancelled`. When the router
        stops, the call ends as `handed_back` without a settlement, and the monitor redelivers the request; unless its
        caller has something of a stream, after which nothing else can come.
        """
        progress.settling = True
        if not progress.cancelled and progress.told:
            broken = failure(
                "stream_broken", f"router {self._router_id} was stopped in the middle of the stream", tips=()
            )
            if progress.open_call is not None:
                self.fail(progress, broken, None, called=False)
            return await self._settle_as(progress, "failed", broken, traced)
        if not progress.cancelled:
            stopped = failure("handed_back", f"router {self._router_id} was stopped")
            await self._hand_back(progress, stopped, traced)
            return None
        refusal = failure("cancelled", "the caller cancelled it")
        if progress.open_call is not None:
            self.fail(progress, refusal, None)
        return await self._settle_as(progress, "cancelled", refusal, traced)

    async def lost(self, progress: Progress, traced: Traced) -> None:
        progress.settling = True
        detail = f"router {self._router_id} was silent for too long before it could call"
        await self._hand_back(progress, failure("handed_back", detail), traced)

    async def _hand_back(self, progress: Progress, told: Failure, traced: Traced) -> None:
        """The inference ends here without a settlement, and the monitor hands it to another router."""
        if progress.open_call is not None:
            self.fail(progress, told, None)
        let_go = reports.handed_back(progress.newest)
        await self.report(traced.traceparent, *progress.unreported, let_go)

    async def report(self, traceparent: str | None, *events: Event) -> None:
        """Publishes the events together, and again until all are acked; their ids make repetitions harmless."""
        await self._publisher.publish_until_acked(*(Outgoing(_topic(event), event, traceparent) for event in events))

    async def _report_settled(
        self, request: InferenceRequested, traceparent: str | None, events: Sequence[Event], reply: Reply
    ) -> None:
        """As `report`, with the reply at the same moment (decision 0007), which saves the caller a round trip; after
        it when acks come late. A result that is to be fetched is on its topic before the books say that there is one.

        A router that dies before all are acked leaves the inference as one that dies during the call: the monitor
        recovers it.
        """
        if request.store_result:
            await self._publisher.publish_until_acked(Outgoing(RESULTS, reply.event, traceparent))
        outgoing = [Outgoing(_topic(event), event, traceparent) for event in events]
        if self._publisher.acks_are_late:
            await self._publisher.publish_until_acked(*outgoing)
            await self._callers.tell(request, reply, traceparent)
        elif request.reply_to is None:  # one produce request for all of it
            if request.reply_partition is not None:
                outgoing.append(Outgoing(REPLIES, reply.event, traceparent, request.reply_partition))
            await self._publisher.publish_until_acked(*outgoing)
        else:
            telling = asyncio.create_task(self._callers.tell(request, reply, traceparent))
            try:
                await self._publisher.publish_until_acked(*outgoing)
            finally:
                await telling
        for event in events:
            if isinstance(event, InferenceSettled):
                error_type = event.error.error_type if event.error else ""
                settlements.labels(event.settlement, error_type).inc()
                inference_seconds.labels(event.settlement).observe(event.duration_s, tracing.exemplar(traceparent))


def _topic(event: Event) -> Topic:
    return ATTEMPTS if isinstance(event, AttemptStarted | InferenceHeld) else OUTCOMES


def _has_reached(call_failure: Failure) -> bool:
    """Whether the failure tells anything of the endpoint. Those that arise here, before a byte is sent, do not."""
    if call_failure.error_type in {"handed_back", "cancelled", "key_unreadable", "endpoint_forbidden"}:
        return False
    return call_failure.error_type != "invalid_request" or call_failure.upstream_status is not None
