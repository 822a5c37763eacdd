"""A receiver on loopback that behaves as it is told, and remembers what it was sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from aiohttp import web

Behaviour = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Received(NamedTuple):
    """headers: names in lower case."""

    headers: dict[str, str]
    body: str


@dataclass
class Receiver:
    url: str = ""
    received: list[Received] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.received]


async def takes(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=204)


async def hangs(request: web.BaseRequest) -> web.StreamResponse:
    """Until the caller has left."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return web.Response()


def answers(status: int, **headers: str) -> Behaviour:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, headers=headers)

    return answer


@asynccontextmanager
async def receiver(behaviour: Behaviour = takes) -> AsyncIterator[Receiver]:
    found = Receiver()

    async def on_request(request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        found.received.append(Received(headers, await request.text()))
        return await behaviour(request)

    runner = web.ServerRunner(web.Server(on_request), shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    found.url = f"http://{host}:{port}/hook"
    try:
        yield found
    finally:
        await runner.cleanup()
