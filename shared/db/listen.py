"""Hear NOTIFY on a connection of its own, and tell when nothing could be heard.

A notification can be lost while the connection is down, so every (re)connect is reported as None: what was
cached until then may be stale.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg

from shared.background import Periodic
from shared.db.failures import RETRYABLE

_RETRY_S = 0.5
_PROBE_S = 5.0  # a connection that is dead without saying so is noticed after this

# Called with the payload, or with None when anything may have changed.
OnNotify = Callable[[str | None], None]


class Listener(Periodic):
    """One LISTEN connection for several channels; reconnects by itself."""

    def __init__(self, dsn: str, channels: dict[str, OnNotify]) -> None:
        super().__init__("listen", self._listen, _RETRY_S, RETRYABLE)
        self._dsn = dsn
        self._channels = channels
        self.connected = False

    async def _listen(self) -> None:
        """Until the connection is lost."""
        connection = await asyncpg.connect(self._dsn, timeout=10, command_timeout=10)
        try:
            for channel in self._channels:
                await connection.add_listener(channel, self._heard)
            self.connected = True
            for changed in self._channels.values():
                changed(None)
            while not connection.is_closed():
                await asyncio.sleep(_PROBE_S)
                await connection.execute("SELECT 1")
        finally:
            self.connected = False
            connection.terminate()

    def _heard(self, _connection: Any, _pid: int, channel: str, payload: object) -> None:
        self._channels[channel](str(payload))
