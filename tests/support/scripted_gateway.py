"""A gateway's end of the lane by script: what it heard of routers, and how it answers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from shared.crypto import KeyRing
from shared.events.inference import ReplyTo
from shared.lane.frames import BrokenLaneError, Frame, FrameReader, Kind
from shared.lane.handshake import challenge, prove

GATEWAY_ID = "g"
_MAX_FRAME_BYTES = 5 * 1024**2


class Heard(NamedTuple):
    """A frame, and by which connection it came: 1 for the first."""

    connection: int
    frame: Frame


Answer = Callable[[Heard], Kind | None]


def taken(heard: Heard) -> Kind | None:
    """What a gateway says whose caller waits, and was told nothing."""
    return {Kind.REPLY: Kind.TAKEN, Kind.ASK: Kind.FRESH}.get(heard.frame.kind)


class ScriptedGateway:
    def __init__(self, ring: KeyRing, answer: Answer = taken) -> None:
        self.answer = answer
        self.heard: list[Heard] = []
        self.connections = 0
        self.reads = asyncio.Event()  # otherwise it takes nothing more
        self.reads.set()
        self._ring = ring
        self._writers: list[asyncio.StreamWriter] = []
        self._came = asyncio.Condition()

    async def until(self, condition: Callable[[list[Heard]], bool]) -> None:
        """Returns when what was heard is so."""
        async with self._came, asyncio.timeout(20):
            await self._came.wait_for(lambda: condition(self.heard))

    def say(self, kind: Kind, inference_id: bytes) -> None:
        self._writers[-1].write(Frame(kind, inference_id).encoded())

    def cut(self) -> None:
        """All connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self._writers.append(writer)
        challenged, frames, proven = challenge(), FrameReader(_MAX_FRAME_BYTES), False
        writer.write(challenged.encoded())
        try:
            while received := await reader.read(65_536):
                for frame in frames.read(received):
                    if not proven:
                        writer.write(prove(self._ring, GATEWAY_ID, challenged, frame).encoded())
                        proven = True
                        continue
                    await self._hear(Heard(number, frame), writer)
                await self.reads.wait()
        except (ConnectionError, BrokenLaneError):
            pass
        finally:
            writer.close()

    async def _hear(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        async with self._came:
            self.heard.append(heard)
            self._came.notify_all()
        word = self.answer(heard)
        if word is not None and not writer.is_closing():
            writer.write(Frame(word, heard.frame.inference_id).encoded())


@asynccontextmanager
async def listening(gateway: ScriptedGateway) -> AsyncIterator[ReplyTo]:
    """Where it is reached."""
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    try:
        yield ReplyTo(host="127.0.0.1", port=server.sockets[0].getsockname()[1], gateway_id=GATEWAY_ID)
    finally:
        server.close()
        gateway.cut()
        await server.wait_closed()
