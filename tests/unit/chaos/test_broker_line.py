import asyncio
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from deploy.local.ports import LOOPBACK, free_port
from tests.chaos.broker_line import BrokerLine, Ends

HELD_BACK_S = 0.2


@pytest_asyncio.fixture
async def line() -> AsyncIterator[BrokerLine]:
    """To a broker that repeats what it hears."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(100):
            writer.write(piece)
        writer.close()

    broker = await asyncio.start_server(echo, LOOPBACK, 0)
    port = broker.sockets[0].getsockname()[1]
    line = BrokerLine(free_port(), lambda: port)
    await line.start()
    yield line
    await line.stop()
    broker.close()


async def connected(line: BrokerLine) -> Ends:
    return await asyncio.open_connection(LOOPBACK, line.port)


async def heard(ends: Ends, word: bytes) -> bytes:
    ends[1].write(word)
    return await asyncio.wait_for(ends[0].readexactly(len(word)), 30)


async def test_words_pass_both_ways(line: BrokerLine) -> None:
    ends = await connected(line)
    assert await heard(ends, b"hello") == b"hello"
    ends[1].close()


async def test_a_cut_holds_words_back_until_it_is_mended(line: BrokerLine) -> None:
    ends = await connected(line)
    await heard(ends, b"before")

    assert await line.cut(os.getpid()) == 1
    waiting = asyncio.create_task(heard(ends, b"during"))
    done, _ = await asyncio.wait([waiting], timeout=HELD_BACK_S)
    assert not done

    line.mend(os.getpid())
    assert await waiting == b"during"
    ends[1].close()


async def test_a_connection_made_during_a_cut_hears_nothing_either(line: BrokerLine) -> None:
    await line.cut(os.getpid())
    ends = await connected(line)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(HELD_BACK_S):
            await heard(ends, b"new")
    line.mend(os.getpid())
    assert await asyncio.wait_for(ends[0].readexactly(3), 30) == b"new"
    ends[1].close()


async def test_others_do_not_notice(line: BrokerLine) -> None:
    ends = await connected(line)
    assert await line.cut(1) == 0
    assert await heard(ends, b"hello") == b"hello"
    ends[1].close()
