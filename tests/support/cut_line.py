"""A TCP connection's way that a test can cut: what connects here is passed on to another place."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

_PIECE = 65_536
Address = tuple[str, int]


class CutLine:
    """connections: that came so far."""

    def __init__(self, to: Address) -> None:
        self.connections = 0
        self._to = to
        self._closed = False
        self._writers: set[asyncio.StreamWriter] = set()

    @classmethod
    @asynccontextmanager
    async def between(cls, near: Address, to: Address) -> AsyncIterator["CutLine"]:
        line = cls(to)
        server = await asyncio.start_server(line._pass_on, *near)
        try:
            yield line
        finally:
            server.close()
            line.cut()

    def cut(self) -> None:
        """Resets what is connected; the next connection is passed on again."""
        for writer in self._writers:
            writer.transport.abort()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Cut, and nobody gets through."""
        self._closed = True
        self.cut()
        try:
            yield
        finally:
            self._closed = False

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._closed:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._to)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._writers |= ends
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    writer.transport.abort()
