"""The same work for many items, several at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def each(items: Sequence[T], work: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """`work` begins with the items in their order. One that takes long holds up one of the `at_once` lines, no other.

    After an error no line begins with another item than it has in hand; the first error is raised when all have ended.
    """
    waiting = iter(items)
    errors: list[Exception] = []

    async def line() -> None:
        for item in waiting:
            try:
                await work(item)
            except Exception as error:  # noqa: BLE001 - raised below
                errors.append(error)
            if errors:
                return

    lines = [asyncio.create_task(line()) for _ in range(min(at_once, len(items)))]
    try:
        await asyncio.gather(*lines)
    finally:
        for task in lines:
            task.cancel()
    if errors:
        raise errors[0]
