"""Pure: how a job ended, and the event that says so."""

import os
from typing import NamedTuple

from shared.errors import Failure, failure
from shared.events import FeatureCall, FeatureRequested, FeatureSettled, utc_now
from shared.events.feature import FeatureSettlement

_MAX_CALLS_TOLD = 100


class Outcome(NamedTuple):
    """sealed_result: what was produced, also when it did not pass its checks."""

    settlement: FeatureSettlement
    error: Failure | None = None
    sealed_result: str | None = None
    calls: tuple[FeatureCall, ...] = ()


def completed(sealed_result: str, calls: tuple[FeatureCall, ...]) -> Outcome:
    return Outcome("completed", None, sealed_result, calls)


def failed(error: Failure, sealed_result: str | None = None, calls: tuple[FeatureCall, ...] = ()) -> Outcome:
    return Outcome("expired" if error.error_type == "expired" else "failed", error, sealed_result, calls)


def expired(detail: str) -> Outcome:
    tip = "Give more time: deadline_s in the body."
    return Outcome("expired", failure("expired", detail, tips=(tip,)))


def cancelled() -> Outcome:
    return Outcome("cancelled", failure("cancelled", "the caller cancelled the job"))


def workers_lost(deliveries: int) -> Outcome:
    return failed(
        failure(
            "router_lost",
            f"{deliveries} workers were lost with this job, the most that one job may take",
            title="The workers that ran this job died",
            tips=("Look at the logs of the features workers; they may lack memory for this repository.",),
        )
    )


def crashed(error: Exception) -> Outcome:
    """An unforeseen error. An OSError is shown with its errno. The error's text may hold content, and is left out."""
    reason = type(error).__name__
    if isinstance(error, OSError) and error.errno:
        reason += f" ({os.strerror(error.errno)})"
    return failed(failure("internal", f"the worker failed: {reason}"))


def settled(request: FeatureRequested, outcome: Outcome, delivery: int, worker_id: str) -> FeatureSettled:
    now = utc_now()
    return FeatureSettled(
        feature_id=request.feature_id,
        tenant_id=request.tenant_id,
        settlement=outcome.settlement,
        generator=request.generator,
        sealed_result=outcome.sealed_result,
        error=outcome.error,
        calls=outcome.calls,
        delivery=delivery,
        accepted_at=request.accepted_at,
        settled_at=now,
        duration_s=max(0.0, (now - request.accepted_at).total_seconds()),
        reported_by=f"features/{worker_id}",
    )


def without_result(settled: FeatureSettled, too_large: Failure) -> FeatureSettled:
    """For a result that cannot be published: the job ends with that, and its calls stay in the books."""
    error = failure("payload_too_large", f"what was produced cannot be handed over: {too_large.detail}",
                    title="The result is too large", tips=("Ask for less in one job.",))  # fmt: skip
    kept = {"settlement": "failed", "error": error, "sealed_result": None, "calls": settled.calls[:_MAX_CALLS_TOLD]}
    return settled.model_copy(update=kept)
