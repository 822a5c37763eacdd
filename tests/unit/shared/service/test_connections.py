"""A connection on which nothing comes is closed, and so are those beyond the bound."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.responses import Response

from shared.service.connections import ConnectionLimits, bounded_protocol

HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


@asynccontextmanager
async def served(most: int = 10, header_timeout_s: float = 0.2) -> AsyncIterator[int]:
    protocol = bounded_protocol(ConnectionLimits(most, header_timeout_s, stall_s=0.3, max_head_bytes=4096))
    config = uvicorn.Config(Response("ok"), port=0, http=protocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(30):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize("sent", [b"", HEAD[:20], HEAD[:-2]])
async def test_a_connection_without_the_head_of_a_request_is_closed(sent: bytes) -> None:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await until_closed(reader) == b""
        writer.close()


async def test_who_asks_is_answered_and_the_head_of_the_next_request_has_its_own_time() -> None:
    async with served(header_timeout_s=0.4) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(HEAD)
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(0.15)
        writer.write(HEAD[:20])
        assert await until_closed(reader) == b""
        writer.close()


async def test_a_connection_beyond_the_bound_is_closed_at_once() -> None:
    async with served(most=2, header_timeout_s=60.0) as port:
        kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await until_closed(reader) == b""
        kept[0][1].write(HEAD)
        assert (await kept[0][0].readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        for _, one in (*kept, (reader, writer)):
            one.close()
