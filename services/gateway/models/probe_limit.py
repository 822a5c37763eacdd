"""The limit of probes that this gateway makes at once, and the limits of the tenant that asks for one."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.gateway.inference.doorkeeper import Doorkeeper
from shared.errors import TallygateError
from shared.registry import Registry

_FULL_WAIT_S = 1.0


class ProbeLimit:
    """Bounds the probes of all tenants, so that the gateway cannot be used to scan networks. most: at once."""

    def __init__(self, doorkeeper: Doorkeeper, registry: Registry, most: int = 32) -> None:
        self._doorkeeper = doorkeeper
        self._registry = registry
        self._most = most
        self._running = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for a caller that has been let in. Raises TallygateError when there is none."""
        if self._running >= self._most:
            detail = f"this gateway makes {self._running} probes at the moment, its limit"
            raise TallygateError("unavailable", detail, retry_after_s=_FULL_WAIT_S)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    @contextmanager
    def let_in(self, tenant_id: str) -> Iterator[None]:
        """For a probe alone, which counts as a request and spends nothing. Raises TallygateError when it is refused."""
        with self.place():
            failure = self._doorkeeper.enter(tenant_id, self._registry.of(tenant_id).terms)
            if failure is not None:
                raise TallygateError.of(failure)
            try:
                yield
            finally:
                self._doorkeeper.leave(tenant_id)
