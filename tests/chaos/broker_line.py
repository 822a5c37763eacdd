"""The line between the services and the broker, which can be cut for one of them.

The broker tells its clients to come here (its advertised port), so that every connection passes. A cut swallows both
directions without a word, as a network does; what was under way arrives when it is mended.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import psutil

from deploy.local.ports import LOOPBACK

_PIECE = 256 * 1024


class BrokerLine:
    """broker_port: asked at every connection, for the broker gets its port when the stack is started."""

    def __init__(self, port: int, broker_port: Callable[[], int]) -> None:
        self.port = port
        self._broker_port = broker_port
        self._open: dict[int, asyncio.Event] = {}  # by the client's port
        self._cut_pids: set[int] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def cut(self, pid: int) -> int:
        """Returns how many connections were cut."""
        self._cut_pids.add(pid)
        ports = await asyncio.to_thread(self._ports_of, pid)
        gates = [gate for port, gate in self._open.items() if port in ports]
        for gate in gates:
            gate.clear()
        return len(gates)

    def mend(self, pid: int) -> None:
        self._cut_pids.discard(pid)
        for gate in self._open.values():
            gate.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("peername")[1]
        gate = self._open[port] = asyncio.Event()
        gate.set()
        try:
            for pid in list(self._cut_pids):
                if port in await asyncio.to_thread(self._ports_of, pid):
                    gate.clear()
            await gate.wait()
            broker_reader, broker_writer = await asyncio.open_connection(LOOPBACK, self._broker_port())
            await _both_ways(gate, (reader, writer), (broker_reader, broker_writer))
        except OSError:
            pass  # the broker is down, and so is the line
        finally:
            del self._open[port]
            writer.transport.abort()

    def _ports_of(self, pid: int) -> set[int]:
        try:
            connections = psutil.Process(pid).net_connections("tcp")
        except psutil.Error:
            return set()
        return {one.laddr.port for one in connections if one.raddr and one.raddr.port == self.port}


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _both_ways(gate: asyncio.Event, client: Ends, broker: Ends) -> None:
    """Until one side closes."""
    pumps = [
        asyncio.create_task(_pump(gate, client[0], broker[1])),
        asyncio.create_task(_pump(gate, broker[0], client[1])),
    ]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        broker[1].transport.abort()


async def _pump(gate: asyncio.Event, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            await gate.wait()
            writer.write(piece)
            await writer.drain()
