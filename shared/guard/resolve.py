"""Ask the system's resolver; the I/O of the guard."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TypeAlias

Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, in the order in which to try them; a scope stays visible (fe80::1%2).

    Raises OSError when there are none.
    """
    loop = asyncio.get_running_loop()
    try:
        # Without AI_ADDRCONFIG a machine without IPv6 would try addresses that it cannot reach.
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except UnicodeError as error:
        raise OSError("the host name is not valid") from error
    if not found:
        raise OSError("the host has no address")
    return [_address(*sockaddr) for *_, sockaddr in found]


def _address(address: str, _port: int, _flow_info: int = 0, scope_id: int = 0) -> str:
    return f"{address}%{scope_id}" if scope_id and "%" not in address else address
