"""A stack of a test's own, for what must be configured differently from the one that tests share."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import psutil

from deploy.local import leftovers
from deploy.local.stack import Stack
from tests.support.live import Live, ModelServer, admin_key, stack_environment
from tests.support.otlp import OtlpReceiver


def discard(stack: Stack) -> None:
    """Removes it without the last words of processes that all go together. Only the database is stopped in its own
    way: its shared memory would outlive it."""
    for act in (psutil.Process.suspend, psutil.Process.kill):  # or the supervisor would start one again
        for process in leftovers.marked_processes(stack.home.path):
            with suppress(psutil.NoSuchProcess):
                if process.name() != "postgres":
                    act(process)
    stack.remove()


# Nobody looks at pages in most tests, and each process costs a second of CPU to start.
WITHOUT_CONSOLE = ("gateway", "router", "monitor", "features", "jobs")
_WITHOUT_FEATURES = ("gateway", "router", "monitor", "jobs")


@asynccontextmanager
async def own_stack(
    home: Path,
    settings: dict[str, str],
    server: ModelServer,
    otlp: OtlpReceiver,
    services: Sequence[str] = WITHOUT_CONSOLE,
) -> AsyncIterator[Live]:
    environment = stack_environment(dict(os.environ), otlp.endpoint) | settings
    stack = Stack(home, environment, services)
    await asyncio.to_thread(stack.up)
    try:
        found = stack.running()
        assert found.gateway is not None
        assert found.monitor is not None
        key = admin_key(stack.home.path)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            given = environment | stack.environment()
            yield Live(stack, session, found.gateway, found.monitor, key, server, otlp, given)
    finally:
        # A broker that goes on running would wait for killed members of its groups.
        shares_broker = "KAFKA_BOOTSTRAP_SERVERS" in settings
        await asyncio.to_thread(Stack.remove if shares_broker else discard, stack)


class RestartableServices:
    """Services, of which none is of features, that can be started again with other settings, on a broker and a database
    that go on running."""

    def __init__(self, home: Path, places: dict[str, str], server: ModelServer, otlp: OtlpReceiver) -> None:
        self._home, self._places = home, places
        self._server, self._otlp = server, otlp
        self._running = AsyncExitStack()
        self._now: tuple[dict[str, str], Live] | None = None

    async def running_with(self, settings: dict[str, str]) -> Live:
        """Started again only when they run with other settings, so that each test can ask for what it needs."""
        if self._now is None or self._now[0] != settings:
            await self.stop()
            given = settings | self._places
            live = await self._running.enter_async_context(
                own_stack(self._home, given, self._server, self._otlp, _WITHOUT_FEATURES)
            )
            self._now = settings, live
        return self._now[1]

    async def stop(self) -> None:
        self._now = None
        await self._running.aclose()


@asynccontextmanager
async def restartable_services(
    home: Path, server: ModelServer, otlp: OtlpReceiver
) -> AsyncIterator[RestartableServices]:
    """No service runs until settings are named; broker and database are removed in the end."""
    infrastructure = Stack(home / "infrastructure", stack_environment(dict(os.environ), otlp.endpoint), services=[])
    await asyncio.to_thread(infrastructure.up)
    given = infrastructure.environment()
    places = {name: given[name] for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL")}
    services = RestartableServices(home / "services", places, server, otlp)
    try:
        yield services
    finally:
        await services.stop()
        await asyncio.to_thread(discard, infrastructure)
