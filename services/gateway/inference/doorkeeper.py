"""What is in flight in this gateway, by tenant: the state on which limits are decided."""

import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from services.gateway.inference.limits import (
    Bucket,
    Granted,
    Load,
    LoadLimits,
    decide,
    of_tenant,
    refilled,
    requests_left,
    shedding,
)
from shared.errors import Failure
from shared.registry import Terms
from shared.selection.budgets import Allowance

_BUCKETS = 10_000  # beyond this, full buckets are dropped: a full one is the same as a new one


class _Kept(NamedTuple):
    """A tenant's bucket, and the limits under which it was last filled."""

    bucket: Bucket
    limits: LoadLimits

    def is_full(self, now_s: float) -> bool:
        return refilled(self.limits, self.bucket, now_s).tokens >= self.limits.burst


class Doorkeeper:
    def __init__(self, limits: LoadLimits, queue_age_s: Callable[[], float | None]) -> None:
        self._limits = limits
        self._queue_age_s = queue_age_s
        self._in_flight = 0
        self._tenants: Counter[str] = Counter()
        self._buckets: dict[str, _Kept] = {}

    @property
    def shedding(self) -> str | None:
        """Why all requests are refused at the moment; None when only some are, or none."""
        return shedding(self._limits, self._queue_age_s())

    async def check(self) -> str | None:
        """For `/readyz`: a gateway that refuses everybody is not ready; one that refuses who sends most of it is."""
        return self.shedding

    def enter(self, tenant_id: str, terms: Terms) -> Failure | None:
        """None: the request is let in, and `leave` must follow. Otherwise why it is refused."""
        now_s = time.monotonic()
        kept, limits = self._buckets.get(tenant_id), of_tenant(self._limits, terms)
        load = Load(
            in_flight=self._in_flight,
            tenant_in_flight=self._tenants[tenant_id],
            bucket=kept and kept.bucket,
            queue_age_s=self._queue_age_s(),
            tenants=len(self._tenants) + (tenant_id not in self._tenants),
        )
        decision = decide(limits, load, now_s)
        if not isinstance(decision, Granted):
            return decision.failure
        if decision.bucket is not None:
            self._remember(tenant_id, _Kept(decision.bucket, limits))
        self._in_flight += 1
        self._tenants[tenant_id] += 1
        return None

    def leave(self, tenant_id: str) -> None:
        self._in_flight -= 1
        self._tenants[tenant_id] -= 1
        if not self._tenants[tenant_id]:
            del self._tenants[tenant_id]

    def requests_left(self, tenant_id: str, terms: Terms) -> Allowance | None:
        kept = self._buckets.get(tenant_id)
        return requests_left(of_tenant(self._limits, terms), kept and kept.bucket, time.monotonic())

    def _remember(self, tenant_id: str, kept: _Kept) -> None:
        if len(self._buckets) >= _BUCKETS and tenant_id not in self._buckets:
            now_s = kept.bucket.at_s
            self._buckets = {tenant: bucket for tenant, bucket in self._buckets.items() if not bucket.is_full(now_s)}
        self._buckets[tenant_id] = kept
