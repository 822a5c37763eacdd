"""One monitor at a time recovers, and one seals: a lease, which ends by itself when its holder is frozen or dead.

Each turn has a name of its own, so who was frozen and wakes up does not take the lease of a later turn for its own. The
database decides who has it, by its own clock. Between two questions the holder goes by its monotonic clock, from before
the question on: its lease ends for itself before it ends for others.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Protocol

from shared.db.failures import RETRYABLE


class LeaseLostError(Exception):
    """Another monitor may have its turn by now: what was decided under the lease must not be acted upon."""


class LeaseStore(Protocol):
    async def take_lease(self, holder: str, lease_s: float) -> bool: ...
    async def renew_lease(self, holder: str, lease_s: float) -> bool: ...
    async def end_lease(self, holder: str) -> None: ...


class Lease:
    """holder: set while a turn is on."""

    def __init__(self, store: LeaseStore, process: str, lease_s: float) -> None:
        self._store = store
        self._process = process
        self._lease_s = lease_s
        self._turns = count(1)
        self._until = -math.inf
        self.holder = ""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """False while it is another monitor's."""
        self.holder = f"{self._process}#{next(self._turns)}"
        asked_at = asyncio.get_running_loop().time()
        mine = await self._store.take_lease(self.holder, self._lease_s)
        self._until = asked_at + self._lease_s if mine else -math.inf
        try:
            yield mine
        finally:
            if mine:
                self._until = -math.inf
                with suppress(*RETRYABLE):  # it ends by itself when the database cannot be told
                    await self._store.end_lease(self.holder)

    async def keep(self) -> None:
        """To be called right before each word that is said under the lease: half of it is left then, or it is renewed.
        Raises LeaseLostError."""
        asked_at = asyncio.get_running_loop().time()
        if asked_at < self._until - self._lease_s / 2:
            return
        if asked_at >= self._until or not await self._store.renew_lease(self.holder, self._lease_s):
            raise LeaseLostError(self.holder)
        self._until = asked_at + self._lease_s
        if asyncio.get_running_loop().time() >= self._until:  # frozen while it was renewed
            raise LeaseLostError(self.holder)
