"""What tenants hold of something that there is only so much of, such as bytes of bodies, or probes at a time."""

from collections import Counter
from typing import Literal

from services.gateway.inference.limits import over_share

Refusal = Literal["full", "over_share"]


class Shares:
    """most: that all tenants hold together. share: that one may hold while no other holds any, above 0, up to 1."""

    def __init__(self, most: int, share: float) -> None:
        self.most = most
        self._share = share
        self._held: Counter[str] = Counter()

    @property
    def held(self) -> int:
        return self._held.total()

    def held_by(self, tenant_id: str) -> int:
        return self._held[tenant_id]

    def take(self, tenant_id: str, size: int = 1) -> Refusal | None:
        """None: it is taken, and `give_back` must follow. Otherwise why not."""
        free = self.most - self.held
        if size > free:
            return "full"
        if over_share(self._share, self._held[tenant_id], free):
            return "over_share"
        self._held[tenant_id] += size
        return None

    def give_back(self, tenant_id: str, size: int = 1) -> None:
        self._held[tenant_id] -= size
        if not self._held[tenant_id]:
            del self._held[tenant_id]
