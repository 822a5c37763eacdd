"""Pure: from the calls in the books to the status of each model (healthy, degraded, unhealthy), with its reasons."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from services.monitor.rollups.latency import percentile
from services.monitor.rollups.steps import beginning
from shared.events import HealthStatus, HealthThresholds, ModelHealthChanged
from shared.events.model import FailedCalls, HealthCause
from shared.registry.health import HealthRule

WINDOW = timedelta(minutes=5)
NO_CALLS = "no calls lately, so it may be tried again"
ANSWERED = "the last probe was answered"

THRESHOLDS = HealthThresholds(degraded_at=0.1, unhealthy_at=0.5, min_calls=5)  # unless the deployment says otherwise
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


ThresholdsOf = Callable[[str], HealthThresholds]  # by "<tenant_id>/<model>"
ThresholdsOfModel = Callable[[str], HealthThresholds]  # of one tenant, by model id


def thresholds_of(rule: HealthRule | None, default: HealthThresholds) -> HealthThresholds:
    """What a model's owner has said, and of the rest what the deployment says, moved where the two would cross."""
    if rule is None:
        return default
    degraded_at = rule.degraded_at or min(default.degraded_at, rule.unhealthy_at or 1.0)
    return HealthThresholds(
        degraded_at=degraded_at,
        unhealthy_at=rule.unhealthy_at or max(default.unhealthy_at, degraded_at),
        min_calls=rule.min_calls or default.min_calls,
    )


def is_answer(error_type: str | None) -> bool | None:
    """Whether a call that ended so was answered by a healthy endpoint; None: it says nothing."""
    if error_type is None or error_type in _CALLERS_OWN:
        return True
    return False if error_type in _UNWELL else None


@dataclass(frozen=True, slots=True)
class ModelCalls:
    """Calls of one model that say something about its endpoint. errors: of those that failed, by type."""

    model: str
    total: int
    errors: Mapping[str, int] = field(default_factory=dict)
    thresholds: HealthThresholds = THRESHOLDS

    @classmethod
    def counted(
        cls, model: str, succeeded: int, errors: Mapping[str, int], thresholds: HealthThresholds = THRESHOLDS
    ) -> "ModelCalls":
        unwell = {name: n for name, n in errors.items() if name in _UNWELL}
        answered = succeeded + sum(n for name, n in errors.items() if name in _CALLERS_OWN)
        return cls(model, answered + sum(unwell.values()), unwell, thresholds)

    @property
    def failed(self) -> int:
        return sum(self.errors.values())

    @property
    def are_enough(self) -> bool:
        return self.total >= self.thresholds.min_calls

    @property
    def status(self) -> HealthStatus:
        rate = self.failed / self.total if self.total and self.are_enough else 0.0
        if rate >= self.thresholds.unhealthy_at:
            return "unhealthy"
        return "degraded" if rate >= self.thresholds.degraded_at else "healthy"

    @property
    def reason(self) -> str:
        """Empty when it is healthy."""
        if self.status == "healthy":
            return ""
        main_error = max(self.errors, key=self.errors.__getitem__)
        return f"{self.failed} of {self.total} calls failed, most of them {main_error}"


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


class ProbeCall(NamedTuple):
    """error_type: None: it succeeded."""

    ended_at: datetime
    error_type: str | None


@dataclass(slots=True)
class Recent:
    """Calls of one tenant's model within the window, probes included. succeeded_at: the last minute in which one
    succeeded."""

    tenant_id: str
    model: str
    errors: Counter[str] = field(default_factory=Counter)
    latency: Counter[int] = field(default_factory=Counter)  # of the calls that succeeded
    succeeded_at: datetime | None = None

    def calls(self, thresholds: HealthThresholds, probes: Iterable[ProbeCall]) -> ModelCalls:
        """Those of callers. Of probes that the sums do not hold yet nothing is taken away."""
        probed = Counter(call.error_type for call in probes)
        succeeded = max(0, self.latency.total() - probed.pop(None, 0))
        errors = {name: n - probed[name] for name, n in self.errors.items() if n > probed[name]}
        return ModelCalls.counted(self.model, succeeded, errors, thresholds)


def gather(minutes: Iterable[Mapping[str, Any]]) -> dict[str, Recent]:
    """Calls of some minutes by model, and by error type or (of those that succeeded) by bucket of their duration;
    summed by "<tenant_id>/<model>", the subject of the event about them. at: of a row, its last minute."""
    found: dict[str, Recent] = {}
    for row in minutes:
        tenant_id, model = row["tenant_id"], row["model"]
        recent = found.setdefault(f"{tenant_id}/{model}", Recent(tenant_id, model))
        if row["bucket"] is None:
            recent.errors[row["error_type"]] += row["calls"]
        else:
            recent.latency[row["bucket"]] += row["calls"]
            recent.succeeded_at = max(recent.succeeded_at or row["at"], row["at"])
    return found


@dataclass(frozen=True, slots=True)
class Probed:
    """How the last probe of a model ended. changed_at: since when the model was as it was. error_type: None: it was
    answered. It counts until the next one should long have ended."""

    tenant_id: str
    model: str
    changed_at: datetime
    ended_at: datetime
    error_type: str | None
    counts_until: datetime
    calls: tuple[ProbeCall, ...] = ()  # of this probe and those before it, of the last minutes

    def calls_within(self, since: datetime) -> list[ProbeCall]:
        return [call for call in self.calls if call.ended_at >= since]


class Evidence(NamedTuple):
    """What is known of models, by subject."""

    recent: Mapping[str, Recent]
    probed: Mapping[str, Probed]
    thresholds: ThresholdsOf

    @property
    def subjects(self) -> dict[str, tuple[str, str]]:
        """Of which something is known: tenant and model of each."""
        probed = {subject: (one.tenant_id, one.model) for subject, one in self.probed.items()}
        return {subject: (one.tenant_id, one.model) for subject, one in self.recent.items()} | probed


class _Verdict(NamedTuple):
    status: HealthStatus
    reason: str
    cause: HealthCause


def window_from(now: datetime) -> datetime:
    """Health is judged by whole minutes."""
    return beginning(now - WINDOW, "minute")


def news(evidence: Evidence, said: Mapping[str, ModelHealthChanged], now: datetime) -> list[ModelHealthChanged]:
    """The events to publish now. said: the last one about each model, by subject."""
    subjects = {subject: (last.tenant_id, last.model) for subject, last in said.items()} | evidence.subjects
    words = (_word(evidence, of, said.get(subject), now) for subject, of in subjects.items())
    return [word for word in words if word is not None]


def _word(
    evidence: Evidence, of: tuple[str, str], last: ModelHealthChanged | None, now: datetime
) -> ModelHealthChanged | None:
    """The next event about a model; None when it would say nothing new. Figures that moved little are published once a
    minute."""
    subject = "/".join(of)
    recent = evidence.recent.get(subject) or Recent(*of)
    probed = evidence.probed.get(subject)
    probes = probed.calls_within(window_from(now)) if probed else ()
    calls = recent.calls(evidence.thresholds(subject), probes)
    verdict = _verdict(calls, recent, probed, now)
    if verdict is None:
        return _nothing_known(last, now) if last is not None and _tells_something(last) else None
    word = ModelHealthChanged(
        tenant_id=recent.tenant_id,
        model=recent.model,
        status=verdict.status,
        was="healthy" if last is None else last.status,
        reason=verdict.reason,
        cause=verdict.cause,
        calls=calls.total,
        failed=calls.failed,
        errors=tuple(FailedCalls(error_type=name, calls=n) for name, n in calls.errors.items()),
        thresholds=calls.thresholds,
        p50_s=percentile(recent.latency, 0.5),
        changed_at=now,
    )
    if last is None or word.status != last.status or _moved(last.p50_s, word.p50_s):
        return word
    counted_more = (word.calls, word.failed) != (last.calls, last.failed)
    return word if counted_more and now - last.changed_at >= _SAY_AGAIN else None


def _verdict(calls: ModelCalls, recent: Recent, probed: Probed | None, now: datetime) -> _Verdict | None:
    """A probe that failed, unless a call has succeeded since; else the calls, where there are enough; else the probe.
    None: nothing is known."""
    counts = probed if probed is not None and now < probed.counts_until else None
    if counts is not None and counts.error_type is not None and not _succeeded_after(counts.ended_at, recent):
        return _Verdict("unhealthy", f"the last probe failed: {counts.error_type}", "probe")
    if counts is not None and counts.error_type is None and not calls.are_enough:
        return _Verdict("healthy", ANSWERED, "probe")
    return _Verdict(calls.status, calls.reason, "calls") if calls.total else None


def _succeeded_after(at: datetime, recent: Recent) -> bool:
    """In a later minute: within one nobody knows what came first."""
    return recent.succeeded_at is not None and recent.succeeded_at > beginning(at, "minute")


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
        tenant_id=last.tenant_id,
        model=last.model,
        status="healthy",
        was=last.status,
        reason=NO_CALLS,
        cause="silence",
        changed_at=now,
    )
