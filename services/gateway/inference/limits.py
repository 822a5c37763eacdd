"""Pure: may one more request be let in? Values in, Granted or Rejected out; time is passed in.

Tenants share the places of a gateway by one rule: a tenant may hold so much of them, in proportion to what is still
free. Nobody counts tenants for it, no place is kept for anybody, and yet some are always free for who holds few. The
bounds that follow from it: docs/decisions/0020-shares-of-a-gateway.md.
"""

from dataclasses import dataclass
from typing import NamedTuple

from shared.errors import Failure, failure
from shared.registry import Terms
from shared.selection.budgets import Allowance

_TENANT_WAIT_S = 1.0  # for a place to become free
_FULL_WAIT_S = 1.0
_QUEUE_WAIT_S = 5.0  # a queue of that age does not empty at once
_STUCK = 2  # so many times the greatest age: then it is not only a tenant's flood that waits

_WAIT = "Wait for the time in Retry-After"
SHARE_TIPS = (
    f"{_WAIT}, and have fewer requests in work at a time: tenants share the places of a gateway.",
    "An operator can raise TALLYGATE_TENANT_SHARE, or TALLYGATE_MAX_IN_FLIGHT for all.",
)
_TENANT_TIPS = (
    f"{_WAIT}, or ask your operator for more: tallygate tenants set <tenant> --max-in-flight",
    "For all tenants it is TALLYGATE_TENANT_MAX_IN_FLIGHT.",
)
_RATE_TIPS = (
    f"{_WAIT}, or ask your operator for more: tallygate tenants set <tenant> --rate-per-s",
    "For all tenants they are TALLYGATE_TENANT_RATE_PER_S and TALLYGATE_TENANT_BURST.",
)


class LoadLimits(NamedTuple):
    """0 is no limit, except for a burst, which is then what the rate gives in a second, at least 1.

    tenant_share: of the places (max_in_flight) that a tenant may hold while no other holds any; 1 is all of them.
    """

    tenant_rate_per_s: float = 0.0
    tenant_burst: int = 0
    tenant_max_in_flight: int = 0
    max_in_flight: int = 0
    max_queue_age_s: float = 0.0
    tenant_share: float = 1.0

    @property
    def burst(self) -> float:
        return float(self.tenant_burst) if self.tenant_burst else max(1.0, self.tenant_rate_per_s)


class Bucket(NamedTuple):
    """Tokens of a tenant, as they were at a moment; one is a request."""

    tokens: float
    at_s: float


class Load(NamedTuple):
    """What is in work now. `bucket` is None for a tenant that has not been seen; `queue_age_s` when it is not known.

    tenants: how many have something in work, the one that asks included.
    """

    in_flight: int
    tenant_in_flight: int
    bucket: Bucket | None
    queue_age_s: float | None
    tenants: int = 1


@dataclass(frozen=True, slots=True)
class Granted:
    """`bucket`: what is left; None while there is no rate limit."""

    bucket: Bucket | None


@dataclass(frozen=True, slots=True)
class Rejected:
    failure: Failure


def of_tenant(limits: LoadLimits, terms: Terms) -> LoadLimits:
    """The deployment's limits, with the tenant's own in their place."""
    if terms.rate_per_s is None and terms.burst is None and terms.max_in_flight is None:
        return limits
    return limits._replace(
        tenant_rate_per_s=limits.tenant_rate_per_s if terms.rate_per_s is None else terms.rate_per_s,
        tenant_burst=limits.tenant_burst if terms.burst is None else terms.burst,
        tenant_max_in_flight=limits.tenant_max_in_flight if terms.max_in_flight is None else terms.max_in_flight,
    )


def decide(limits: LoadLimits, load: Load, now_s: float) -> Granted | Rejected:
    """The limits of the whole gateway come first, so that a refusal by them costs the tenant no token."""
    if 0 < limits.max_in_flight <= load.in_flight:
        return _unavailable(f"this gateway has {load.in_flight} requests in work, its limit", _FULL_WAIT_S)
    if (detail := _why_shed(limits, load)) is not None:
        return _unavailable(detail, _QUEUE_WAIT_S)
    free = limits.max_in_flight - load.in_flight
    if limits.max_in_flight > 0 and over_share(limits.tenant_share, load.tenant_in_flight, free):
        detail = f"{load.tenant_in_flight} of your requests are in work, and {free} places are left for all tenants"
        return _too_many(detail, _TENANT_WAIT_S, SHARE_TIPS)
    if 0 < limits.tenant_max_in_flight <= load.tenant_in_flight:
        detail = f"{load.tenant_in_flight} of your requests are in work, the limit of your tenant"
        return _too_many(detail, _TENANT_WAIT_S, _TENANT_TIPS)
    if limits.tenant_rate_per_s <= 0:
        return Granted(None)
    bucket = refilled(limits, load.bucket, now_s)
    if bucket.tokens < 1:
        detail = f"your tenant may send {limits.tenant_rate_per_s:g} requests a second, {limits.burst:g} at once"
        return _too_many(detail, (1 - bucket.tokens) / limits.tenant_rate_per_s, _RATE_TIPS)
    return Granted(Bucket(bucket.tokens - 1, now_s))


def over_share(share: float, held: float, free: float) -> bool:
    """Whether a tenant that holds so many of a gateway's places, or bytes, may have no more while so many are free.

    share: above 0, up to 1. One tenant alone gets so far as `share` of all; several that take all they can get an equal
    part each, and leave as much again. Who holds nothing is never over it while anything is free.
    """
    return held * (1 - share) >= free * share if held else free <= 0


def shedding(limits: LoadLimits, queue_age_s: float | None) -> str | None:
    """Why no request of anybody is let in: the queue is stuck. None while it is only old."""
    return _too_old(limits, queue_age_s, limits.max_queue_age_s * _STUCK)


def _why_shed(limits: LoadLimits, load: Load) -> str | None:
    """An old queue is made longer by nobody who holds an even part of what is in work, or more: it was they who made it
    old. When it is so old that it must be stuck, by nobody at all."""
    holds_even_part = 0 < load.in_flight <= load.tenant_in_flight * load.tenants
    most_s = limits.max_queue_age_s * (1 if holds_even_part else _STUCK)
    return _too_old(limits, load.queue_age_s, most_s)


def _too_old(limits: LoadLimits, queue_age_s: float | None, most_s: float) -> str | None:
    if queue_age_s is None or limits.max_queue_age_s <= 0 or queue_age_s <= most_s:
        return None
    return f"requests have waited {queue_age_s:.0f} s for a router; the limit is {most_s:g} s"


def refilled(limits: LoadLimits, bucket: Bucket | None, now_s: float) -> Bucket:
    if bucket is None:
        return Bucket(limits.burst, now_s)
    return Bucket(min(limits.burst, bucket.tokens + (now_s - bucket.at_s) * limits.tenant_rate_per_s), now_s)


def requests_left(limits: LoadLimits, bucket: Bucket | None, now_s: float) -> Allowance | None:
    """What the tenant may send at once, and how much of that is left; None while there is no rate limit."""
    if limits.tenant_rate_per_s <= 0:
        return None
    tokens = refilled(limits, bucket, now_s).tokens
    return Allowance(int(limits.burst), int(tokens), (limits.burst - tokens) / limits.tenant_rate_per_s)


def _unavailable(detail: str, retry_after_s: float) -> Rejected:
    return Rejected(failure("unavailable", detail, retry_after_s=retry_after_s))


def _too_many(detail: str, retry_after_s: float, tips: tuple[str, ...]) -> Rejected:
    return Rejected(failure("too_many_requests", detail, retry_after_s=retry_after_s, tips=tips))
