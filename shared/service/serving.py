"""The HTTP server of a service, which wakes once a second when nobody asks it anything."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE

from shared.service.connections import ConnectionLimits, server_options

_TURN_S = 1.0  # the date in the answers, which says seconds


_when_stopping: list[Callable[[], None]] = []


def when_stopping(end: Callable[[], None]) -> None:
    """`end` is called when the server of this process is told to stop: answers that would not end by themselves are to
    end then, as those in hand are waited for."""
    _when_stopping.append(end)


class Server(uvicorn.Server):
    """uvicorn's own loop looks ten times a second whether it has been told to stop. This one is woken."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by a signal, wherever the process is."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(_TURN_S):
                    await self._told.wait()
        for end in _when_stopping:
            end()


def run_server(app: ASGIApp, host: str, port: int, limits: ConnectionLimits) -> None:
    """Until it is told to stop. Exits when it could not start."""
    server = Server(uvicorn.Config(app, host=host, port=port, loop="uvloop", **server_options(limits)))
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)
