"""How both ends keep a lane: an end whose machine is gone is found out, and no frame waits for the next one."""

import asyncio
import socket
from typing import cast

# A process whose machine is gone, or which is stopped and reads nothing, is found out by the kernel within this.
_SILENT_S = 10
_OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPIDLE", None), _SILENT_S // 2),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPINTVL", None), _SILENT_S // 5),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_USER_TIMEOUT", None), _SILENT_S * 1000),
)


def watched(transport: asyncio.BaseTransport) -> asyncio.Transport:
    """The transport, as what it is: uvloop's are no subclass of asyncio's."""
    connected: socket.socket = transport.get_extra_info("socket")
    for level, option, value in _OPTIONS:
        if option is not None:  # each system has its own
            connected.setsockopt(level, option, value)
    return cast("asyncio.Transport", transport)
