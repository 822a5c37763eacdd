"""Pure: may one more request be let in? Values in, Granted or Rejected out; time is passed in."""

from dataclasses import dataclass
from typing import NamedTuple

from shared.errors import Failure, failure
from shared.registry import Terms

_TENANT_WAIT_S = 1.0  # for a place to become free
_FULL_WAIT_S = 1.0
_QUEUE_WAIT_S = 5.0  # a queue of that age does not empty at once


class LoadLimits(NamedTuple):
    """0 is no limit, except for a burst, which is then what the rate gives in a second, at least 1."""

    tenant_rate_per_s: float = 0.0
    tenant_burst: int = 0
    tenant_max_in_flight: int = 0
    max_in_flight: int = 0
    max_queue_age_s: float = 0.0

    @property
    def burst(self) -> float:
        return float(self.tenant_burst) if self.tenant_burst else max(1.0, self.tenant_rate_per_s)


class Bucket(NamedTuple):
    """Tokens of a tenant, as they were at a moment; one is a request."""

    tokens: float
    at_s: float


class Load(NamedTuple):
    """What is in work now. `bucket` is None for a tenant that has not been seen; `queue_age_s` when it is not known."""

    in_flight: int
    tenant_in_flight: int
    bucket: Bucket | None
    queue_age_s: float | None


@dataclass(frozen=True, slots=True)
class Granted:
    """`bucket`: what is left; None while there is no rate limit."""

    bucket: Bucket | None


@dataclass(frozen=True, slots=True)
class Rejected:
    failure: Failure


def of_tenant(limits: LoadLimits, terms: Terms) -> LoadLimits:
    """The deployment's limits, with the tenant's own in their place."""
    return limits._replace(
        tenant_rate_per_s=limits.tenant_rate_per_s if terms.rate_per_s is None else terms.rate_per_s,
        tenant_burst=limits.tenant_burst if terms.burst is None else terms.burst,
        tenant_max_in_flight=limits.tenant_max_in_flight if terms.max_in_flight is None else terms.max_in_flight,
    )


def decide(limits: LoadLimits, load: Load, now_s: float) -> Granted | Rejected:
    """The limits of the whole gateway come first, so that a refusal by them costs the tenant no token."""
    if 0 < limits.max_in_flight <= load.in_flight:
        return _unavailable(f"this gateway has {load.in_flight} requests in work, its limit", _FULL_WAIT_S)
    if (detail := shedding(limits, load.queue_age_s)) is not None:
        return _unavailable(detail, _QUEUE_WAIT_S)
    if 0 < limits.tenant_max_in_flight <= load.tenant_in_flight:
        detail = f"{load.tenant_in_flight} of your requests are in work, the limit of your tenant"
        return _too_many(detail, _TENANT_WAIT_S)
    if limits.tenant_rate_per_s <= 0:
        return Granted(None)
    bucket = refilled(limits, load.bucket, now_s)
    if bucket.tokens < 1:
        detail = f"your tenant may send {limits.tenant_rate_per_s:g} requests a second, {limits.burst:g} at once"
        return _too_many(detail, (1 - bucket.tokens) / limits.tenant_rate_per_s)
    return Granted(Bucket(bucket.tokens - 1, now_s))


def shedding(limits: LoadLimits, queue_age_s: float | None) -> str | None:
    """Why no request is let in: they wait too long for a router. None when they do not."""
    if queue_age_s is None or limits.max_queue_age_s <= 0 or queue_age_s <= limits.max_queue_age_s:
        return None
    return f"requests have waited {queue_age_s:.0f} s for a router; the limit is {limits.max_queue_age_s:g} s"


def refilled(limits: LoadLimits, bucket: Bucket | None, now_s: float) -> Bucket:
    if bucket is None:
        return Bucket(limits.burst, now_s)
    return Bucket(min(limits.burst, bucket.tokens + (now_s - bucket.at_s) * limits.tenant_rate_per_s), now_s)


def _unavailable(detail: str, retry_after_s: float) -> Rejected:
    return Rejected(failure("unavailable", detail, retry_after_s=retry_after_s))


def _too_many(detail: str, retry_after_s: float) -> Rejected:
    return Rejected(failure("too_many_requests", detail, retry_after_s=retry_after_s))
