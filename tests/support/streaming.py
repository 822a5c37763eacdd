"""Streams of the gateway, as a caller reads them: strictly, so that a form which no client expects fails the test."""

import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from shared.client.requests import CHAT, chat_body
from tests.support import planted

_DONE = b"data: [DONE]"
_READ_WITHIN_S = 60.0
_ASKS_FOR_USAGE = {"stream_options": {"include_usage": True}}


@dataclass
class Told:
    """What a caller has been told so far. chunks: of the stream. error: of an event in it, or of the answer that there
    is in its place. broken: the connection ended before the answer did."""

    status: int
    headers: Mapping[str, str]
    chunks: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] | None = None
    done: bool = False
    broken: bool = False
    comments: int = 0

    @property
    def inference_id(self) -> str:
        return self.headers["x-tallygate-inference-id"]

    @property
    def text(self) -> str:
        return self.text_of(0)

    def text_of(self, index: int) -> str:
        """Of one choice."""
        return "".join(choice["delta"].get("content") or "" for choice in self._choices if choice["index"] == index)

    @property
    def finish_reasons(self) -> list[str]:
        return [choice["finish_reason"] for choice in self._choices if choice.get("finish_reason")]

    @property
    def usages(self) -> list[dict[str, Any]]:
        return [chunk["usage"] for chunk in self.chunks if chunk.get("usage")]

    @property
    def whole(self) -> bool:
        """As its caller must take it."""
        return self.done and self.finish_reasons != [] and self.error is None

    @property
    def looks_complete(self) -> bool:
        """In any way: what was cut never does."""
        return self.done or self.finish_reasons != []

    @property
    def error_type(self) -> str | None:
        return None if self.error is None else self.error["code"]

    @property
    def _choices(self) -> list[dict[str, Any]]:
        return [choice for chunk in self.chunks for choice in chunk["choices"]]

    def hear(self, event: bytes) -> None:
        """One event, without the empty line that ends it."""
        assert not self.done, f"something follows [DONE]: {event!r}"
        assert self.error is None, f"something follows an error: {event!r}"
        if event.startswith(b":"):
            assert b"\n" not in event, event
            self.comments += 1
        elif event == _DONE:
            self.done = True
        else:
            self._hear_data(event)

    def _hear_data(self, event: bytes) -> None:
        assert event.startswith(b"data: {"), event
        body = json.loads(event.removeprefix(b"data: "))
        if "error" in body:
            _check_error(event.decode())
            self.error = body["error"]
        else:
            assert body["object"] == "chat.completion.chunk", body
            self.chunks.append(body)


class Streaming:
    """A stream that is being read. told: so far."""

    def __init__(self, response: aiohttp.ClientResponse, told: Told) -> None:
        self._response = response
        self._held = b""
        self._events: deque[bytes] = deque()  # that came and were not asked for yet
        self.told = told

    async def events(self) -> AsyncIterator[Told]:
        """After each event that came. Ends with the answer, or when it breaks off."""
        while self._events or await self._receive():
            while self._events:
                self.told.hear(self._events.popleft())
                yield self.told

    async def _receive(self) -> bool:
        """False at the end."""
        try:
            received = await self._response.content.readany()
        except aiohttp.ClientError:
            self.told.broken = True
            return False
        assert received or not self._held, f"the stream ends within an event: {self._held!r}"
        *events, self._held = (self._held + received).split(b"\n\n")
        self._events += events
        return bool(received)

    async def until_text(self, characters: int = 1) -> Told:
        """Until there is that much of it, or nothing more comes."""
        async for told in self.events():
            if len(told.text) >= characters:
                break
        return self.told

    async def to_the_end(self) -> Told:
        async for _ in self.events():
            pass
        return self.told

    def leave(self) -> None:
        """Closes the connection."""
        self._response.close()


class StreamCaller:
    """Asks one gateway with one key."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str | None) -> None:
        self._session, self._url, self._key = session, url, key

    @asynccontextmanager
    async def opened(
        self,
        model: str | None,
        text: str = planted.PROMPT,
        *,
        headers: Mapping[str, str] | None = None,
        within_s: float = _READ_WITHIN_S,
        **more: Any,
    ) -> AsyncIterator[Streaming]:
        """Once its status and headers have come. within_s: for the whole stream."""
        body = {**chat_body(model, text), "stream": True, **more}
        given = {"authorization": f"Bearer {self._key}", **(headers or {})}
        timeout = aiohttp.ClientTimeout(total=within_s)
        async with self._session.post(self._url + CHAT, json=body, headers=given, timeout=timeout) as response:
            told = Told(response.status, {name.lower(): value for name, value in response.headers.items()})
            if response.content_type == "text/event-stream":
                assert response.status == 200
            else:
                text = await response.text()
                _check_error(text)
                told.error = _error_in(text)
            yield Streaming(response, told)

    async def ask(self, model: str | None, text: str = planted.PROMPT, **more: Any) -> Told:
        """All that the caller is told."""
        async with self.opened(model, text, **more) as streaming:
            return await streaming.to_the_end()

    async def ask_with_usage(self, model: str | None, text: str = planted.PROMPT, **more: Any) -> Told:
        return await self.ask(model, text, **_ASKS_FOR_USAGE, **more)


def _error_in(text: str) -> dict[str, Any]:
    try:
        error: dict[str, Any] = json.loads(text)["error"]
    except (ValueError, KeyError, TypeError):
        raise AssertionError(f"no error object: {text[:200]}") from None
    return error


def _check_error(text: str) -> None:
    planted.check_answer("POST", CHAT, 400, text)
