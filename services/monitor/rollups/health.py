"""Pure: from the calls in the books to the status of each model (healthy, degraded, unhealthy), with its reasons."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.monitor.rollups.latency import percentile
from shared.events import HealthStatus, ModelHealthChanged

WINDOW = timedelta(minutes=5)
NO_CALLS = "no calls lately, so it may be tried again"

_ENOUGH_CALLS = 5  # below this, a rate says nothing
_DEGRADED_RATE = 0.1
_UNHEALTHY_RATE = 0.5
_LAG_S = 30.0
_SAY_AGAIN = timedelta(seconds=60)
_P50_MOVED = 0.2

# Errors that are the fault of the endpoint, its key or its settings.
_UNWELL = frozenset(
    {
        "authentication_failed", "permission_denied", "model_not_found", "endpoint_not_found", "endpoint_refused",
        "endpoint_unreachable", "endpoint_forbidden", "tls_failed", "connect_timeout", "read_timeout", "rate_limited",
        "quota_exceeded", "server_error", "overloaded", "bad_response", "stream_broken", "key_unreadable",
    }
)  # fmt: skip
# Errors by which a healthy endpoint refuses a bad request.
_CALLERS_OWN = frozenset({"invalid_request", "context_length_exceeded", "content_filtered", "payload_too_large"})
# Everything else (cancelled, router_lost, handed_back, ...) says nothing about the endpoint: it does not count.


@dataclass(frozen=True, slots=True)
class ModelCalls:
    """Calls of one model that say something about its endpoint, and its most frequent error."""

    model: str
    total: int
    failed: int
    main_error: str | None = None

    @classmethod
    def counted(cls, model: str, succeeded: int, errors: Mapping[str, int]) -> "ModelCalls":
        unwell = Counter({name: n for name, n in errors.items() if name in _UNWELL})
        answered = succeeded + sum(n for name, n in errors.items() if name in _CALLERS_OWN)
        main_error = next((name for name, _ in unwell.most_common(1)), None)
        return cls(model, answered + unwell.total(), unwell.total(), main_error)

    @property
    def status(self) -> HealthStatus:
        rate = self.failed / self.total if self.total >= _ENOUGH_CALLS else 0.0
        if rate < _DEGRADED_RATE:
            return "healthy"
        return "unhealthy" if rate >= _UNHEALTHY_RATE else "degraded"

    @property
    def reason(self) -> str:
        """Empty when it is healthy."""
        if self.status == "healthy":
            return ""
        return f"{self.failed} of {self.total} calls failed, most of them {self.main_error}"


@dataclass(frozen=True, slots=True)
class Health:
    status: HealthStatus
    issues: tuple[str, ...]


def judge(calls: Iterable[ModelCalls], lag_s: float) -> Health:
    """The health of all models of a tenant: the worst of them decides. lag_s: how far the books are behind."""
    unwell = [of_model for of_model in calls if of_model.status != "healthy"]
    issues = [f"{of_model.model}: {of_model.reason}" for of_model in unwell]
    if lag_s > _LAG_S:
        issues.append(f"the books are {lag_s:.0f} s behind")
    if any(of_model.status == "unhealthy" for of_model in unwell):
        return Health("unhealthy", tuple(issues))
    return Health("degraded" if issues else "healthy", tuple(issues))


@dataclass(slots=True)
class Recent:
    """One tenant's calls of one model within the window."""

    tenant_id: str
    model: str
    errors: Counter[str] = field(default_factory=Counter)
    latency: Counter[int] = field(default_factory=Counter)  # of the calls that succeeded

    @property
    def calls(self) -> ModelCalls:
        return ModelCalls.counted(self.model, self.latency.total(), self.errors)


def gather(minutes: Iterable[Mapping[str, Any]]) -> dict[str, Recent]:
    """Calls of some minutes by model, and by error type or (of those that succeeded) by bucket of their duration;
    summed by "<tenant_id>/<model>", the subject of the event about them."""
    found: dict[str, Recent] = {}
    for row in minutes:
        tenant_id, model = row["tenant_id"], row["model"]
        recent = found.setdefault(f"{tenant_id}/{model}", Recent(tenant_id, model))
        if row["bucket"] is None:
            recent.errors[row["error_type"]] += row["calls"]
        else:
            recent.latency[row["bucket"]] += row["calls"]
    return found


def news(
    recent: Mapping[str, Recent], said: Mapping[str, ModelHealthChanged], now: datetime
) -> list[ModelHealthChanged]:
    """The events to publish now. said: the last one about each model, by subject."""
    words = [word for subject, calls in recent.items() if (word := _word(calls, said.get(subject), now)) is not None]
    silent = [last for subject, last in said.items() if subject not in recent]
    return words + [_nothing_known(last, now) for last in silent if _tells_something(last)]


def _word(recent: Recent, last: ModelHealthChanged | None, now: datetime) -> ModelHealthChanged | None:
    """The next event about a model; None when it would say nothing new. Figures that moved little are published once a
    minute."""
    calls = recent.calls
    if calls.total == 0:
        return _nothing_known(last, now) if last is not None and _tells_something(last) else None
    word = ModelHealthChanged(
        tenant_id=recent.tenant_id,
        model=recent.model,
        status=calls.status,
        reason=calls.reason,
        calls=calls.total,
        failed=calls.failed,
        p50_s=percentile(recent.latency, 0.5),
        changed_at=now,
    )
    if last is None or word.status != last.status or _moved(last.p50_s, word.p50_s):
        return word
    counted_more = (word.calls, word.failed) != (last.calls, last.failed)
    return word if counted_more and now - last.changed_at >= _SAY_AGAIN else None


def _moved(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is not after
    return abs(after - before) > _P50_MOVED * before


def _tells_something(last: ModelHealthChanged) -> bool:
    return last.status != "healthy" or last.p50_s is not None


def _nothing_known(last: ModelHealthChanged, now: datetime) -> ModelHealthChanged:
    """An event without figures, so that the model is tried again: while others are preferred to it, as healthier or
    faster, nothing else would ever call it."""
    return ModelHealthChanged(
        tenant_id=last.tenant_id, model=last.model, status="healthy", reason=NO_CALLS, changed_at=now
    )
