"""A service that nobody asks anything."""

import asyncio
import signal

import uvicorn

from shared.service.serving import Server
from tests.support.virtual_time import virtually


class Counting(Server):
    turns = 0

    async def on_tick(self, counter: int) -> bool:
        self.turns += 1
        return await super().on_tick(counter)


async def _no_app(*_: object) -> None: ...


@virtually
async def test_it_wakes_once_a_second_and_stops_when_it_is_told_to() -> None:
    server = Counting(uvicorn.Config(_no_app, lifespan="off"))
    serving = asyncio.create_task(server.main_loop())
    await asyncio.sleep(9.5)
    assert server.turns == 10
    assert server.server_state.default_headers[0][0] == b"date"

    told_at = asyncio.get_running_loop().time()
    server.handle_exit(signal.SIGTERM, None)
    await serving
    assert asyncio.get_running_loop().time() == told_at
