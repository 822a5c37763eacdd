"""The limit of probes that this gateway makes at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.gateway.inference.limits import SHARE_TIPS
from services.gateway.inference.shares import Shares
from shared.errors import TallygateError

_FULL_WAIT_S = 1.0


class ProbeLimit:
    """Bounds the probes of all tenants, so that the gateway cannot be used to scan networks. most: at once, which
    tenants share."""

    def __init__(self, most: int = 32, tenant_share: float = 0.5) -> None:
        self._running = Shares(most, tenant_share)

    @contextmanager
    def place(self, tenant_id: str) -> Iterator[None]:
        """Raises TallygateError when there is none."""
        match self._running.take(tenant_id):
            case "full":
                detail = f"this gateway makes {self._running.held} probes at the moment, its limit"
                raise TallygateError("unavailable", detail, retry_after_s=_FULL_WAIT_S)
            case "over_share":
                detail = f"this gateway makes {self._running.held_by(tenant_id)} probes for you at the moment"
                raise TallygateError("too_many_requests", detail, retry_after_s=_FULL_WAIT_S, tips=SHARE_TIPS)
            case None:
                pass
        try:
            yield
        finally:
            self._running.give_back(tenant_id)
