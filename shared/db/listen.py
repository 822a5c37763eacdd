"""Hear NOTIFY on a connection of its own, and tell when nothing could be heard.

A notification can be lost while the connection is down, so every (re)connect is reported as None: what was
cached until then may be stale.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import structlog

from shared.background import end_task
from shared.db.pool import RETRYABLE

logger = structlog.get_logger(__name__)

_RETRY_S = 0.5
_PROBE_S = 5.0  # a connection that is dead without saying so is noticed after this

# Called with the payload, or with None when anything may have changed.
OnNotify = Callable[[str | None], None]


class Listener:
    """One LISTEN connection for several channels; reconnects by itself."""

    def __init__(self, dsn: str, channels: dict[str, OnNotify]) -> None:
        self._dsn = dsn
        self._channels = channels
        self._task: asyncio.Task[None] | None = None
        self.connected = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="listen")

    async def stop(self) -> None:
        await end_task(self._task)

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except RETRYABLE as error:
                logger.warning("listen.lost", reason=str(error))
            finally:
                self.connected = False
            await asyncio.sleep(_RETRY_S)

    async def _listen(self) -> None:
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
            connection.terminate()

    def _heard(self, _connection: Any, _pid: int, channel: str, payload: object) -> None:
        self._channels[channel](str(payload))
