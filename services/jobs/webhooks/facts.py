"""Pure: from an event to what a webhook is told of it, and to the deliveries that this makes.

Nothing of a request's content is told: ids, types, models, error types, numbers and times.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from shared.batches import batch_name
from shared.batches.store import BatchState, TakenBatch
from shared.events import Event, FeatureSettled, InferenceSettled, ModelHealthChanged
from shared.events.inference import PROBE, SHADOW
from shared.files import file_name_of
from shared.selection.budgets import Reached
from shared.webhooks.events import EventType, message
from shared.webhooks.store import NewDelivery, Subscriber

_CLOCKS_DIFFER = timedelta(seconds=5)


class Fact(NamedTuple):
    """types: what a webhook may call it; the first that it wants counts. subject: what it is about, so that the same
    fact has the same id however often and by whomever it is said."""

    tenant_id: str
    types: tuple[EventType, ...]
    subject: str
    happened_at: datetime
    data: dict[str, Any]


def fact_of(event: Event) -> Fact | None:
    """None for what nobody is told of."""
    match event:
        case InferenceSettled():
            return None if event.api_key_id in (PROBE, SHADOW) else _inference(event)
        case FeatureSettled():
            return _feature(event)
        case ModelHealthChanged() if event.was is not None and event.was != event.status:
            return _health(event)
        case _:
            return None


def _inference(event: InferenceSettled) -> Fact:
    types: tuple[EventType, ...] = ("inference.settled",)
    if event.settlement != "completed":
        types += ("inference.failed",)
    last = event.last
    data = {
        "inference_id": str(event.inference_id),
        "settlement": event.settlement,
        "operation": event.operation_name,
        "key": event.api_key_id,
        "session": event.session,
        "model_requested": event.model_requested,
        "model_served": event.model_served,
        "error_type": event.error.error_type if event.error else None,
        "attempts": event.attempts,
        "input_tokens": last.input_tokens if last else None,
        "output_tokens": last.output_tokens if last else None,
        "cost_usd": last.cost_usd if last else None,
        "accepted_at": _written(event.accepted_at),
        "settled_at": _written(event.settled_at),
        "duration_s": event.duration_s,
    }
    return Fact(event.tenant_id, types, f"inference/{event.inference_id}", event.settled_at, data)


def _feature(event: FeatureSettled) -> Fact:
    costs = [call.cost_usd for call in event.calls if call.cost_usd is not None]
    data = {
        "feature_id": str(event.feature_id),
        "settlement": event.settlement,
        "generator": event.generator,
        "error_type": event.error.error_type if event.error else None,
        "inferences": len(event.calls),
        "input_tokens": sum(call.input_tokens for call in event.calls),
        "output_tokens": sum(call.output_tokens for call in event.calls),
        "cost_usd": sum(costs) if costs else None,
        "accepted_at": _written(event.accepted_at),
        "settled_at": _written(event.settled_at),
        "duration_s": event.duration_s,
    }
    return Fact(event.tenant_id, ("feature.settled",), f"feature/{event.feature_id}", event.settled_at, data)


def _health(event: ModelHealthChanged) -> Fact:
    data = {
        "model": event.model,
        "status": event.status,
        "was": event.was,
        "cause": event.cause,
        "calls": event.calls,
        "failed": event.failed,
        "error_types": event.errors_by_type,
        "p50_s": event.p50_s,
        "changed_at": _written(event.changed_at),
    }
    return Fact(event.tenant_id, ("model.health",), f"health/{event.event_id}", event.changed_at, data)


def batch_fact(job: TakenBatch, state: BatchState, settled_at: datetime) -> Fact:
    data = {
        "batch_id": batch_name(job.job_id),
        "status": state.status,
        "endpoint": job.endpoint,
        "key": job.key_id,
        "session": job.session,
        "request_counts": {"total": state.total, "completed": state.completed, "failed": state.failed},
        "input_file_id": file_name_of(job.input_file_id),
        "output_file_id": file_name_of(state.output_file_id) if state.output_file_id else None,
        "error_file_id": file_name_of(state.error_file_id) if state.error_file_id else None,
        "error_codes": sorted({str(error["code"]) for error in state.errors}),
        "created_at": _written(job.created_at),
        "settled_at": _written(settled_at),
        "duration_s": (settled_at - job.created_at).total_seconds(),
    }
    return Fact(job.tenant_id, ("batch.finished",), f"batch/{job.job_id}", settled_at, data)


def budget_fact(tenant_id: str, reached: Reached) -> Fact:
    """Once for each budget, period and limit: the books say again and again what was spent."""
    data = {
        "budget": reached.budget,
        "limit": reached.limit,
        "spent": reached.spent,
        "reached_at": _written(reached.as_of),
        "renews_at": _written(reached.again_at),
    }
    subject = f"budget/{reached.budget}/{reached.again_at:%Y-%m-%d}/{reached.limit}"
    return Fact(tenant_id, ("budget.reached",), subject, reached.as_of, data)


def wants(subscribers: Iterable[Subscriber], kind: EventType) -> set[str]:
    """The tenants of which a webhook wants that."""
    return {one.tenant_id for one in subscribers if kind in one.events}


def deliveries(facts: Sequence[Fact], subscribers: Collection[Subscriber]) -> list[NewDelivery]:
    """One for each webhook that wants the fact and was there when it happened. Of the same fact only the first."""
    new = {made.delivery_id: made for fact in reversed(facts) for made in _deliveries(fact, subscribers)}
    return list(reversed(new.values()))


def _deliveries(fact: Fact, subscribers: Collection[Subscriber]) -> Iterator[NewDelivery]:
    for one in subscribers:
        kind = next((kind for kind in fact.types if kind in one.events), None)
        if one.tenant_id != fact.tenant_id or kind is None or fact.happened_at < one.created_at - _CLOCKS_DIFFER:
            continue
        yield NewDelivery(delivery_id(one.webhook_id, fact.subject), one.webhook_id, kind, _body(kind, fact))


def delivery_id(webhook_id: UUID, subject: str) -> UUID:
    """The same whenever it is made."""
    return uuid5(UUID(bytes=webhook_id.bytes), subject)


def _body(kind: str, fact: Fact) -> str:
    return message(kind, _written(fact.happened_at), fact.data)


_written: Callable[[datetime], str] = datetime.isoformat
