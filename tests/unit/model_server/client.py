"""A bare client, to see answers as they are on the wire."""

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from deploy.model_server import RunningModelServer

OPENAI_PATH = "/v1/chat/completions"
ANTHROPIC_PATH = "/v1/messages"
ANTHROPIC_HEADERS = {"anthropic-version": "2023-06-01"}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The data of each event of a stream; `[DONE]` as it is."""
        lines = [line[6:] for line in self.body.decode().splitlines() if line.startswith("data: ")]
        return [line if line == "[DONE]" else json.loads(line) for line in lines]


@dataclass(frozen=True)
class Client:
    session: aiohttp.ClientSession
    server: RunningModelServer

    async def request(
        self,
        method: str,
        path: str,
        *,
        data: bytes | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        request = self.session.request(
            method, self.server.origin + path, data=data, json=body, headers=headers, allow_redirects=False
        )
        async with request as response:
            return Reply(response.status, response.headers, await response.read())

    async def openai(
        self, model: str, text: str = "hi", *, headers: Mapping[str, str] | None = None, **fields: object
    ) -> Reply:
        return await self.request("POST", OPENAI_PATH, body=chat_body(model, text, **fields), headers=headers)

    async def anthropic(
        self, model: str, text: str = "hi", *, headers: Mapping[str, str] | None = None, **fields: object
    ) -> Reply:
        body = chat_body(model, text, max_tokens=100, **fields)
        headers = ANTHROPIC_HEADERS | dict(headers or {})
        return await self.request("POST", ANTHROPIC_PATH, body=body, headers=headers)

    @property
    def summary(self) -> dict[str, Any]:
        return self.server.ledger()

    @property
    def entries(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.summary["entries"]
        return entries

    @property
    def last_entry(self) -> dict[str, Any]:
        return self.entries[-1]


def chat_body(model: str, text: str = "hi", **fields: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def raw_request(model: str, text: str = "hi", **fields: object) -> bytes:
    body = json.dumps(chat_body(model, text, **fields)).encode()
    return b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (
        OPENAI_PATH.encode(),
        len(body),
        body,
    )


async def raw_exchange(server: RunningModelServer, sent: bytes) -> bytes:
    """Everything that comes back until the server closes; a reset raises."""
    with socket.socket() as raw:
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(raw, (server.host, server.port))
        await loop.sock_sendall(raw, sent)
        received = b""
        while data := await loop.sock_recv(raw, 65_536):
            received += data
        return received


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.005)
