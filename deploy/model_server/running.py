"""Starts and stops the server: in this process for tests, or as a process of its own."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from deploy.model_server.connection import Connection
from deploy.model_server.service import Service

# Load tests open thousands of connections in the same moment.
BACKLOG = 4096


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
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service, connections), host, port, backlog=BACKLOG)
    bound_port = server.sockets[0].getsockname()[1]
    try:
        yield RunningModelServer(host, bound_port, service)
    finally:
        server.close()
        for connection in list(connections):
            connection.abort()
        await server.wait_closed()


async def serve(port: int, host: str) -> None:
    """Runs until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopped.set)
    async with running_model_server(port, host) as server:
        print(f"ready {server.url}", flush=True)
        await stopped.wait()
