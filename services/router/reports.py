"""Pure: the events that a router reports, made from what happened."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from services.router import counting
from services.router.streamed_call import StreamedCall
from services.router.work import FailedCall, Refused, Source, Work
from shared.errors import Failure
from shared.events import (
    AttemptEnded,
    AttemptStarted,
    AttemptSummary,
    CandidateConsidered,
    InferenceEvent,
    InferenceHeld,
    InferenceRequested,
    InferenceSettled,
    ReplyCompleted,
    ReplyFailed,
    new_id,
)
from shared.events.attempt import Outcome
from shared.events.bounds import MAX_NAME, MAX_WORDS, cut
from shared.events.inference import Settlement
from shared.registry import Model
from shared.selection import Candidate, needs_of
from shared.wire import Completion

MAX_CANDIDATES_TOLD = 100
_NOT_BOOKED = {"cost_usd", "cache_write_1h_tokens"}  # of what a usage says: they make the cost
_MAX_FAILED_TOLD = 50
_MAX_FINISH_REASONS = 1000
_A_MOMENT = timedelta(microseconds=1)


def attempt_started(work: Work, candidate: Candidate, call: int, router_id: str, now: datetime) -> AttemptStarted:
    """call: from 1 within this delivery; the first one lists all models that were considered."""
    request, model = work.request, candidate.model
    return AttemptStarted(
        inference_id=request.inference_id,
        tenant_id=request.tenant_id,
        attempt_id=new_id(),
        attempt_number=request.attempts_made + call,
        delivery=request.delivery,
        model=model.id,
        reason=cut(candidate.reason, MAX_WORDS) if call == 1 or candidate is not work.first else "tried again",
        candidates=told(work.selection.considered, work.selection.unseen) if call == 1 else (),
        operation_name=request.operation_name,
        api_key_id=request.api_key_id,
        provider_name=model.provider_name,
        request_model=cut(model.upstream_model, MAX_NAME),
        model_requested=request.request_model,
        server_address=model.server_address,
        router_id=router_id,
        accepted_at=request.accepted_at,
        started_at=now,
        deadline_at=request.expires_at,
        reply_partition=request.reply_partition,
        store_result=request.store_result,
        request_partition=work.source.partition,
        request_offset=work.source.offset,
    )


def held(request: InferenceRequested, source: Source, router_id: str, now: datetime) -> InferenceHeld:
    return InferenceHeld(
        inference_id=request.inference_id,
        tenant_id=request.tenant_id,
        delivery=request.delivery,
        model_requested=request.request_model,
        router_id=router_id,
        accepted_at=request.accepted_at,
        held_at=now,
        deadline_at=request.expires_at,
        reply_partition=request.reply_partition,
        store_result=request.store_result,
        request_partition=source.partition,
        request_offset=source.offset,
    )


def handed_back(claim: AttemptStarted | InferenceHeld, *, was_claimed: bool = True) -> InferenceHeld:
    """This router lets go of what it had claimed so, or had tried to claim."""
    kept = set(InferenceHeld.model_fields) - {"event_id", "held_at", "handed_back", "was_claimed"}
    at = claim.started_at if isinstance(claim, AttemptStarted) else claim.held_at
    fields = {name: getattr(claim, name) for name in kept}
    return InferenceHeld(**fields, held_at=at + _A_MOMENT, handed_back=True, was_claimed=was_claimed)


def told(
    considered: tuple[CandidateConsidered, ...], unseen: int = 0, most: int = MAX_CANDIDATES_TOLD
) -> tuple[CandidateConsidered, ...]:
    """As many as an event should hold, in their order, and how many more there are. Those that were chosen go first:
    the model that is called is always told."""
    if len(considered) <= most and not unseen:
        return considered
    places = sorted(range(len(considered)), key=lambda place: not considered[place].chosen)
    kept, left = sorted(places[:most]), [considered[place] for place in places[most:]]
    chosen = sum(candidate.chosen for candidate in left)
    reason = f"… and {len(left) + unseen} more: {chosen} candidates, {len(left) - chosen} passed over"
    reason += f", {unseen} not looked at" if unseen else ""
    return (*(considered[place] for place in kept), CandidateConsidered(model="…", reason=reason, chosen=False))


def attempt_succeeded(
    started: AttemptStarted, completion: Completion, began_at: datetime, now: datetime, took: Mapping[str, Any] = {}
) -> AttemptEnded:
    """took: as `booked` and `of_stream` say it."""
    read = completion.read
    told = {"response_model": read.response_model, "finish_reasons": read.finish_reasons[:_MAX_FINISH_REASONS]}
    return _ended(started, "succeeded", began_at, now, **told, **took)


def booked(counted: counting.Counted, model: Model) -> dict[str, Any]:
    """What the outcome of a call says of its tokens."""
    usage, state = counted
    tokens = {name: count for name, count in usage._asdict().items() if name not in _NOT_BOOKED}
    return {**tokens, "usage_state": state, "cost_usd": counting.cost_usd(model.price, usage)}


def of_stream(call: StreamedCall, model: Model, work: Work) -> dict[str, Any]:
    """What the outcome of a streamed call says besides."""
    told = {"streamed": True, "first_chunk_s": call.first_chunk_s, "chunks": call.chunks}
    counted = call.usage(partial(prompt_tokens, work))
    return told if counted is None else {**told, **booked(counted, model)}


def prompt_tokens(work: Work) -> int:
    """An estimate."""
    request = work.request
    return needs_of(None, dict(work.body), operation=request.operation_name, form=request.form).prompt_tokens


def attempt_failed(
    started: AttemptStarted, failed: Failure, began_at: datetime, now: datetime, took: Mapping[str, Any] = {}
) -> AttemptEnded:
    """took: as `booked` and `of_stream` say it."""
    return _ended(started, "failed", began_at, now, error=failed, **took)


def without_details(ended: AttemptEnded, error: Failure) -> AttemptEnded:
    """The outcome of the same attempt as a failure, without anything that an endpoint said."""
    kept = ("inference_id", "tenant_id", "attempt_id", "attempt_number", "operation_name", "api_key_id", "model",
            "server_address", "provider_name", "started_at", "ended_at", "duration_s", "reported_by")  # fmt: skip
    return AttemptEnded(outcome="failed", error=error, **{name: getattr(ended, name) for name in kept})


def _ended(started: AttemptStarted, outcome: Outcome, began_at: datetime, now: datetime, **more: Any) -> AttemptEnded:
    duration_s = max(0.0, (now - began_at).total_seconds())
    if more.get("first_chunk_s") is not None:  # by another clock, of whole milliseconds
        more["first_chunk_s"] = min(more["first_chunk_s"], duration_s)
    return AttemptEnded(
        inference_id=started.inference_id,
        tenant_id=started.tenant_id,
        attempt_id=started.attempt_id,
        attempt_number=started.attempt_number,
        operation_name=started.operation_name,
        api_key_id=started.api_key_id,
        model=started.model,
        server_address=started.server_address,
        provider_name=started.provider_name,
        outcome=outcome,
        started_at=began_at,
        ended_at=now,
        duration_s=duration_s,
        reported_by=f"router/{started.router_id}",
        **more,
    )


def completed(work: Work, served: AttemptEnded, now: datetime) -> InferenceSettled:
    """With the outcome that it rests on, which goes on record with it."""
    return _settled(
        work.request, "completed", served.reported_by, now, first_model=work.first.model.id, model_served=served.model,
        server_address=served.server_address, attempts=served.attempt_number, last=served,
    )  # fmt: skip


def failed(work: Work, settlement: Settlement, error: Failure, last: AttemptEnded, now: datetime) -> InferenceSettled:
    return _settled(
        work.request, settlement, last.reported_by, now, first_model=work.first.model.id,
        server_address=last.server_address, attempts=last.attempt_number, error=error,
    )  # fmt: skip


def together(unreported: Sequence[AttemptEnded | AttemptStarted], settled: InferenceSettled) -> list[InferenceEvent]:
    """What goes on record with a settlement, and it: the last outcome travels in it, as one record."""
    match unreported:
        case [*earlier, AttemptEnded() as last]:
            return [*earlier, settled if settled.last is last else settled.model_copy(update={"last": last})]
    return [*unreported, settled]


def refused(refusal: Refused, router_id: str, now: datetime) -> InferenceSettled:
    return _settled(
        refusal.request, refusal.settlement, f"router/{router_id}", now, error=refusal.failure,
        attempts=refusal.request.attempts_made,
    )  # fmt: skip


def _settled(
    request: InferenceRequested, settlement: Settlement, reported_by: str, now: datetime, **more: Any
) -> InferenceSettled:
    return InferenceSettled(
        inference_id=request.inference_id,
        tenant_id=request.tenant_id,
        settlement=settlement,
        operation_name=request.operation_name,
        api_key_id=request.api_key_id,
        session=request.session,
        tags=request.tags,
        model_requested=request.request_model,
        delivery=request.delivery,
        accepted_at=request.accepted_at,
        settled_at=now,
        duration_s=max(0.0, (now - request.accepted_at).total_seconds()),
        reported_by=reported_by,
        **more,
    )


def reply_completed(settled: InferenceSettled) -> ReplyCompleted:
    """Without its sealed body."""
    return ReplyCompleted(
        inference_id=settled.inference_id,
        tenant_id=settled.tenant_id,
        sealed_body="",
        model_served=settled.model_served or "",
        attempts=settled.attempts,
        attempt_number=max(1, settled.attempts),
    )


def reply_failed(settled: InferenceSettled, error: Failure, calls: tuple[FailedCall, ...] = ()) -> ReplyFailed:
    return ReplyFailed(
        inference_id=settled.inference_id,
        tenant_id=settled.tenant_id,
        settlement=settled.settlement,
        error=error,
        failed_attempts=tuple(_summary(call) for call in calls[-_MAX_FAILED_TOLD:]),
        attempts=settled.attempts,
    )


def _summary(call: FailedCall) -> AttemptSummary:
    return AttemptSummary(
        model=call.model.id,
        error_type=call.failure.error_type,
        upstream_status=call.failure.upstream_status,
        detail=call.failure.detail,
    )
