"""Pure: what to do with an inference whose router is gone, or has handed it back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from shared.errors import Failure, failure
from shared.events import AttemptEnded, AttemptSummary, InferenceSettled, ReplyFailed
from shared.events.inference import Settlement
from shared.events.topics import request_place


@dataclass(frozen=True, slots=True)
class LostAttempt:
    """An attempt without an outcome whose router is dead or that is overdue, whatever has become of its inference."""

    attempt_id: UUID
    inference_id: UUID
    tenant_id: str
    router_id: str
    attempt_number: int
    model: str
    provider_name: str
    server_address: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class OrphanAttempt:
    """One attempt of an orphaned inference; open while its outcome is None."""

    attempt_id: UUID
    attempt_number: int
    model: str
    provider_name: str
    server_address: str
    started_at: datetime
    outcome: str | None
    error: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Orphan:
    """An inference that is not settled, and that no router works on, or that is overdue. router_id: the last one that
    began with its newest delivery, if any has."""

    inference_id: UUID
    tenant_id: str
    router_id: str | None
    delivery: int
    accepted_at: datetime
    deadline_at: datetime
    operation_name: str | None
    key_id: str | None
    session: str | None
    tags: dict[str, str] | None
    model_requested: str | None
    request_partition: int
    request_offset: int
    reply_partition: int | None
    store_result: bool
    attempts: Sequence[OrphanAttempt]

    @property
    def attempts_made(self) -> int:
        return max((attempt.attempt_number for attempt in self.attempts), default=0)


# unreadable: it cannot be handed out again. sweep: nobody has settled it, and it is past its deadline by more than
# anybody may need.
Action = Literal["leave", "redeliver", "expire", "give_up", "unreadable", "sweep"]
SWEPT = "closed by the sweep"


def decide(orphan: Orphan, committed: Mapping[int, int], max_deliveries: int, now: datetime) -> Action:
    """committed: the router group's offset per partition of the topics of requests.

    `leave`: the request was not claimed, so Kafka itself delivers it again; a redelivery would double it. A claimed
    request is redelivered while its deadline and max_deliveries allow, and settled when they do not.
    """
    if committed.get(orphan.request_partition, 0) <= orphan.request_offset:
        return "leave"
    if orphan.deadline_at <= now:
        return "expire"
    return "give_up" if orphan.delivery >= max_deliveries else "redeliver"


def closed(attempt: LostAttempt, monitor_id: str, now: datetime) -> AttemptEnded:
    """The outcome of an open attempt, published by the monitor in place of its router. Should the router only have been
    frozen, its own outcome comes later, and the first one is effective.
    """
    detail = (
        f"router {attempt.router_id} fell silent during the call; whether {attempt.server_address} answered is unknown"
    )
    return _ended(attempt, failure("router_lost", detail, model=attempt.model), monitor_id, now)


def swept(attempt: LostAttempt, monitor_id: str, now: datetime) -> AttemptEnded:
    """The outcome of an attempt that is open long after the deadline of its inference, whatever its router does."""
    detail = (
        f"{SWEPT}: router {attempt.router_id} began this call and did not say how it ended; "
        f"whether {attempt.server_address} answered is unknown"
    )
    ended = _ended(attempt, failure("expired", detail, model=attempt.model), monitor_id, now)
    return ended.model_copy(update={"swept": True})


def _ended(attempt: LostAttempt, error: Failure, monitor_id: str, now: datetime) -> AttemptEnded:
    return AttemptEnded(
        inference_id=attempt.inference_id,
        tenant_id=attempt.tenant_id,
        attempt_id=attempt.attempt_id,
        attempt_number=attempt.attempt_number,
        model=attempt.model,
        server_address=attempt.server_address,
        provider_name=attempt.provider_name,
        outcome="failed",
        error=error,
        started_at=attempt.started_at,
        ended_at=now,
        duration_s=max(0.0, (now - attempt.started_at).total_seconds()),
        reported_by=f"monitor/{monitor_id}",
    )


def settled(orphan: Orphan, action: Action, monitor_id: str, now: datetime) -> InferenceSettled:
    last = orphan.attempts[-1] if orphan.attempts else None
    return InferenceSettled(
        inference_id=orphan.inference_id,
        tenant_id=orphan.tenant_id,
        settlement="failed" if action in ("give_up", "unreadable") else "expired",
        operation_name=orphan.operation_name,
        api_key_id=orphan.key_id,
        session=orphan.session,
        tags=orphan.tags,
        model_requested=orphan.model_requested,
        first_model=orphan.attempts[0].model if orphan.attempts else None,
        server_address=last.server_address if last else None,
        attempts=orphan.attempts_made,
        delivery=orphan.delivery,
        error=why_settled(orphan, action),
        accepted_at=orphan.accepted_at,
        settled_at=now,
        duration_s=max(0.0, (now - orphan.accepted_at).total_seconds()),
        reported_by=f"monitor/{monitor_id}",
        swept=action == "sweep",
    )


def why_settled(orphan: Orphan, action: Action) -> Failure:
    by = "which no router had begun" if orphan.router_id is None else f"which router {orphan.router_id} had begun last"
    if action == "sweep":
        return failure("expired", f"{SWEPT}: the deadline of this request, {by}, had passed and nobody had settled it")
    if action == "expire":
        return failure("expired", f"the deadline of this request, {by}, passed, and no router works on it")
    if action == "unreadable":
        topic, partition = request_place(orphan.request_partition)
        place = f"{topic.name}, partition {partition}, offset {orphan.request_offset}"
        return failure("router_lost", f"this request, {by}, cannot be handed out: it cannot be read any more ({place})")
    return failure("router_lost", f"this request, {by}, was handed out {orphan.delivery} times, and was lost each time")


def reply(orphan: Orphan, word: InferenceSettled) -> ReplyFailed:
    if word.error is None:
        raise AssertionError("an orphan is never settled as completed")
    settlement: Settlement = word.settlement
    return ReplyFailed(
        inference_id=orphan.inference_id,
        tenant_id=orphan.tenant_id,
        settlement=settlement,
        error=word.error,
        failed_attempts=tuple(_summary(attempt, word) for attempt in orphan.attempts if attempt.outcome != "succeeded"),
        attempts=orphan.attempts_made,
    )


def _summary(attempt: OrphanAttempt, word: InferenceSettled) -> AttemptSummary:
    error = attempt.error or {}
    unknown = "nobody said how this call ended" if word.swept else "the router of this call was lost"
    return AttemptSummary(
        model=attempt.model,
        error_type=error.get("error_type", "expired" if word.swept else "router_lost"),
        upstream_status=error.get("upstream_status"),
        detail=error.get("detail", unknown),
    )
