"""Asking as a client does that has patience: spread over the run, and each again until it is taken."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import aiohttp
from aiokafka.errors import KafkaError

from shared.client import Answer
from tests.chaos.callers import PATIENCE_S

AGAIN_AFTER_S = 0.5
_LATER = (409, 429, 502, 503, 504)

Item = TypeVar("Item")
Found = TypeVar("Found")


async def spread(items: Sequence[Item], seconds: float, do: Callable[[Item], Awaitable[None]]) -> None:
    """One begins after the other, whether or not those before have ended."""
    async with asyncio.TaskGroup() as group:
        for item in items:
            group.create_task(_done(do, item))
            await asyncio.sleep(seconds / len(items))


async def _done(do: Callable[[Item], Awaitable[None]], item: Item) -> None:
    await do(item)


async def until_taken(attempt: Callable[[], Awaitable[Found | None]], troubles: list[str]) -> Found | None:
    """None when patience ends. troubles: what was in the way."""
    now = asyncio.get_running_loop().time
    deadline = now() + PATIENCE_S
    while now() < deadline:
        try:
            if (found := await attempt()) is not None:
                return found
        except (aiohttp.ClientError, KafkaError, TimeoutError, OSError) as error:
            troubles.append(repr(error))
        await asyncio.sleep(AGAIN_AFTER_S)
    return None


def final(answer: Answer, troubles: list[str]) -> Answer | None:
    """None: to be asked again."""
    if answer.status in _LATER:
        troubles.append(f"{answer.status} {answer.text[:200]}")
        return None
    return answer
