"""What may be dialled in this deployment, asked at save and at dial."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from shared.errors import TallygateError
from shared.guard import urls
from shared.guard.connector import GuardedConnector
from shared.guard.ranges import (
    ForbiddenAddressError,
    Network,
    address_refusal,
    parsed,
    port_refusal,
)
from shared.guard.resolve import Resolve, resolve
from shared.guard.urls import Endpoint

_RESOLVE_S = 3.0  # a caller waits while a model is saved, and the dial checks again
_NOT_PUBLIC = "the host resolves to an address that is not public"


@dataclass(frozen=True)
class Guard:
    """Public addresses may be dialled, and those in the networks that the operator allowed.

    `resolve` is the DNS; tests put their own in its place.
    """

    allowed: tuple[Network, ...] = ()
    resolve: Resolve = field(default=resolve, repr=False, compare=False)

    def refusal(self, address: str, port: int) -> str | None:
        """Why an address must not be dialled; None when it may. What cannot be read as an address may not."""
        found = parsed(address)
        if found is None:
            return "it is not an IP address"
        if "%" in address:
            return "it names a network interface"
        if any(found in network for network in self.allowed):
            return None
        return address_refusal(found) or port_refusal(port)

    @staticmethod
    def check_url(url: str) -> Endpoint:
        """Where a URL leads, by its text alone. Raises TallygateError invalid_request."""
        return urls.check_url(url)

    async def check(self, url: str) -> None:
        """Raises TallygateError: invalid_request for what is no URL, endpoint_forbidden for what must not be dialled.

        A host that cannot be resolved now may be resolved later, and is let through.
        """
        _, host, port = self.check_url(url)
        try:
            async with asyncio.timeout(_RESOLVE_S):
                await self.addresses(host, port)
        except ForbiddenAddressError as error:
            detail = f"endpoint_url: {host} may not be called: {error}"
            raise TallygateError("endpoint_forbidden", detail, http_status=400) from None
        except OSError:  # TimeoutError is one
            return

    async def addresses(self, host: str, port: int) -> list[str]:
        """Addresses to dial, each of them checked. Dial these, and not the name again: it may lead elsewhere then.

        Raises ForbiddenAddressError when any of them is refused: a name with internal addresses is not trusted.
        """
        if parsed(host) is not None:
            self._check(host, port)
            return [host]
        found = await self.resolve(host, port)
        for address in found:
            self._check_resolved(address, port)
        return found

    def connector(self, **options: Any) -> aiohttp.TCPConnector:
        """A connector that dials only what this guard allows; options as for aiohttp.TCPConnector.

        resolver and socket_factory are the guard's own. Must be made within a running loop.
        """
        return GuardedConnector(self.refusal, self.addresses, **options)

    def _check(self, address: str, port: int) -> None:
        reason = self.refusal(address, port)
        if reason is not None:
            raise ForbiddenAddressError(reason)

    def _check_resolved(self, address: str, port: int) -> None:
        """Tells the reason for a port, which the tenant wrote, but not for an address, which the tenant may not see."""
        reason = self.refusal(address, port)
        if reason is not None:
            raise ForbiddenAddressError(reason if reason == port_refusal(port) else _NOT_PUBLIC)
