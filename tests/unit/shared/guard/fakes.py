"""A DNS that answers as told, and a server that counts who connects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from shared.guard.resolve import Resolve

PUBLIC = "93.184.216.34"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@dataclass
class FakeDns:
    """One answer for each question; the last one again and again. An empty answer is a host that does not exist."""

    answers: list[list[str]]
    asked: list[str] = field(default_factory=list)

    async def resolve(self, host: str, _port: int) -> list[str]:
        answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append(host)
        if not answer:
            raise OSError("no such host")
        return answer


def dns(*answer: str) -> Resolve:
    return FakeDns([list(answer)]).resolve


@dataclass
class Loopback:
    """`connections` counts what was accepted; `heads` are the requests' heads."""

    port: int = 0
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def loopback_server(answer: bytes = ANSWER, host: str = "127.0.0.1") -> AsyncIterator[Loopback]:
    seen = Loopback()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                seen.heads.append(head)
                await reader.readexactly(_body_length(head))
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, host, 0)
    seen.port = server.sockets[0].getsockname()[1]
    async with server:
        yield seen


def _body_length(head: bytes) -> int:
    lines = (line.partition(b":") for line in head.lower().splitlines())
    return next((int(value) for name, _, value in lines if name == b"content-length"), 0)
