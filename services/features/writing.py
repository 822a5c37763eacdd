"""An answer while a model writes it: what its chunks add up to, and how long it is so far."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson

from shared.background import end_task
from shared.wire.reading.collected import Collected
from shared.wire.reading.streams import StreamSoFar

_TELL_EVERY_S = 1.0  # each word is a record and a row: people see no more of it

Written = Callable[[int], Awaitable[None]]


class Writing:
    def __init__(self) -> None:
        self._collected = Collected()
        self._so_far = StreamSoFar()

    def add(self, lines: bytes) -> None:
        """lines: chunks in the OpenAI wire format as JSON, joined by newlines."""
        for line in filter(None, lines.split(b"\n")):
            body = orjson.loads(line)
            self._collected.add(body)
            self._so_far.heard(body)

    @property
    def characters(self) -> int:
        return self._so_far.characters

    @property
    def completion(self) -> Any:
        """What has come, in the OpenAI wire format, parsed."""
        return orjson.loads(self._collected.completion())


@asynccontextmanager
async def told(writing: Writing, written: Written, every_s: float = _TELL_EVERY_S) -> AsyncIterator[None]:
    """Within the block `written` is told how many characters have come, whenever these are more than before."""
    telling = asyncio.create_task(_tell(writing, written, every_s))
    try:
        yield
    finally:
        await end_task(telling)


async def _tell(writing: Writing, written: Written, every_s: float) -> None:
    known = 0
    while True:
        await asyncio.sleep(every_s)
        if writing.characters > known:
            known = writing.characters
            await written(known)
