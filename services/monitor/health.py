"""Pure: from what the books say to one word on the health of a tenant's models, with its reasons."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["healthy", "degraded", "unhealthy"]

_ENOUGH_CALLS = 5  # below this, a rate says nothing
_DEGRADED_RATE = 0.1
_UNHEALTHY_RATE = 0.5
_LAG_S = 30.0


@dataclass(frozen=True, slots=True)
class ModelCalls:
    """Ended calls of one model in the window, and its most frequent error."""

    model: str
    total: int
    failed: int
    main_error: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    status: Status
    issues: tuple[str, ...]


def judge(calls: Iterable[ModelCalls], lag_s: float) -> Health:
    status: Status = "healthy"
    issues = []
    for one in calls:
        rate = one.failed / one.total if one.total >= _ENOUGH_CALLS else 0.0
        if rate < _DEGRADED_RATE:
            continue
        status = "unhealthy" if rate >= _UNHEALTHY_RATE or status == "unhealthy" else "degraded"
        issues.append(f"{one.model}: {one.failed} of {one.total} calls failed, most of them {one.main_error}")
    if lag_s > _LAG_S:
        status = "degraded" if status == "healthy" else status
        issues.append(f"the books are {lag_s:.0f} s behind")
    return Health(status, tuple(issues))
