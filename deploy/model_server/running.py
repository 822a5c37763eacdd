"""Starts and stops the server: in this process for tests, or as a process of its own."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from deploy.model_server.sending import answer
from deploy.model_server.service import Service

# Load tests open thousands of connections in the same moment.
BACKLOG = 4096
# Answers that are under way at the end are not waited for: some would hang for ever.
SHUTDOWN_TIMEOUT_S = 0.01


@dataclass(frozen=True, slots=True)
class RunningModelServer:
    """`url` is what OpenAI clients take as their base; Anthropic ones add `/v1` themselves, to `origin`."""

    host: str
    port: int
    service: Service

    @property
    def origin(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"

    def ledger(self) -> dict[str, object]:
        return self.service.ledger.as_json()


@asynccontextmanager
async def running_model_server(port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[RunningModelServer]:
    service = Service()
    server = web.Server(partial(answer, service), access_log=None, handler_cancellation=True)
    runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
    await runner.setup()
    site = web.TCPSite(runner, host, port, backlog=BACKLOG)
    try:
        await site.start()
        yield RunningModelServer(host, site.port, service)
    finally:
        await runner.cleanup()


async def serve(port: int, host: str) -> None:
    """Runs until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopped.set)
    async with running_model_server(port, host) as server:
        print(f"ready {server.url}", flush=True)
        await stopped.wait()
