"""aiohttp's connector, so that it dials only addresses that were checked."""

import socket
from collections.abc import Callable
from typing import Any, TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from shared.guard.framing import bounded
from shared.guard.ranges import ForbiddenAddressError
from shared.guard.resolve import Resolve

Refusal: TypeAlias = Callable[[str, int], str | None]


class CheckedResolver(AbstractResolver):
    """Returns only addresses that were checked; these are then dialled, and kept in aiohttp's cache."""

    def __init__(self, addresses: Resolve) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = [_result(host, address, port) for address in await self._addresses(host, port)]
        wanted = [result for result in found if family in (socket.AF_UNSPEC, result["family"])]
        if not wanted:
            raise OSError("the host has no address of the wanted family")
        return wanted

    async def close(self) -> None:
        pass


class GuardedConnector(aiohttp.TCPConnector):
    """Every socket is made by a factory that looks at the very address it is for.

    This holds also where no resolver is asked: aiohttp dials literal addresses without one. It happens once for a
    connection; calls over a connection that is kept open cost nothing more. What is refused is a ClientConnectorError
    whose os_error is a ForbiddenAddressError.
    """

    def __init__(self, refusal: Refusal, addresses: Resolve, **options: Any) -> None:
        super().__init__(
            resolver=CheckedResolver(addresses),
            socket_factory=lambda address_info: _checked_socket(refusal, address_info),
            **options,
        )
        bounded(self)

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """A proxy would resolve and dial the endpoint itself, where nothing is checked."""
        if req.proxy:
            refused = ForbiddenAddressError("it must not be reached through a proxy")
            raise aiohttp.ClientConnectorError(req.connection_key, refused)
        return await super().connect(req, traces, timeout)


def _checked_socket(refusal: Refusal, address_info: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _, sockaddr = address_info
    reason = refusal(str(sockaddr[0]), int(sockaddr[1]))
    if reason is not None:
        raise ForbiddenAddressError(reason)
    return socket.socket(family=family, type=kind, proto=protocol)


def _result(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=0,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
