"""How a store in memory is asked: every verb is one transaction, and happens at once."""

from collections.abc import Callable
from typing import Protocol, TypeVar

R = TypeVar("R")


class Turn(Protocol):
    """Lets one verb of a store take effect. Another one than `at_once` may delay it, fail, or lose the answer."""

    async def __call__(self, verb: str, effect: Callable[[], R], /) -> R: ...


async def at_once(_verb: str, effect: Callable[[], R]) -> R:
    return effect()
