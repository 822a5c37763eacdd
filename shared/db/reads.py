"""Reads that people ask for: a pool of their own, little time, and a fair turn for each tenant.

What keeps the promise (booking, recovery) never waits for a connection that a reader has, and a reader waits for others
of its own tenant before it makes another tenant wait.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.db.failures import TIMED_OUT
from shared.db.pool import Connection, DatabaseSettings, Pool, connect_pool
from shared.errors import TallygateError
from shared.settings import Beyond, Settings

_ALL_TENANTS = "*"  # no tenant has this name
_NARROWER = ("Ask for a shorter span, or for one model.", "Operators: TALLYGATE_READ_TIMEOUT_S says how long.")


class ReadSettings(Settings):
    """`TALLYGATE_READ_*`: what people may read of a database at a time."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_READ_")

    # One tenant may have half of the connections at a time, so that one that asks for much leaves room for another.
    pool_size: Annotated[int, Beyond(words="reads wait, tenant after tenant")] = Field(
        default=4, ge=2, le=100, description="connections of one process for what people read, besides all others"
    )
    per_tenant: Annotated[int, Beyond(words="the tenant's further reads wait for their turn")] = Field(
        default=2, ge=1, le=100, description="reads of one tenant at a time"
    )
    timeout_s: Annotated[float, Beyond("unavailable")] = Field(
        default=5.0, gt=0, le=600, description="for one answer; and as long again for its turn"
    )
    waiting: Annotated[int, Beyond("too_many_requests")] = Field(
        default=100, ge=1, le=100_000, description="reads of one tenant that wait for their turn"
    )


class Turns:
    """At most `most` at a time, `per_tenant` of them of one tenant; who waits gets its turn tenant after tenant."""

    def __init__(self, most: int, per_tenant: int, waiting: int) -> None:
        self._free = most
        self._per_tenant = per_tenant
        self._most_waiting = waiting
        self._running: Counter[str] = Counter()
        # The tenant whose turn is next comes first.
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def take(self, tenant_id: str) -> None:
        """Raises TallygateError (429) when too many of this tenant wait already. `give` must follow."""
        mine = self._waiting.setdefault(tenant_id, deque())
        if len(mine) >= self._most_waiting:
            raise TallygateError(
                "too_many_requests",
                f"{len(mine)} reads of your tenant wait for their turn already",
                retry_after_s=1.0,
                tips=("Ask for less at a time.", "Operators: TALLYGATE_READ_WAITING and TALLYGATE_READ_PER_TENANT"),
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mine.append(turn)
        self._next()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._forget(tenant_id, turn)
            else:
                self.give(tenant_id)  # it was its turn just then
            raise

    def give(self, tenant_id: str) -> None:
        self._free += 1
        self._running[tenant_id] -= 1
        if not self._running[tenant_id]:
            del self._running[tenant_id]
        self._next()

    def _next(self) -> None:
        while self._free:
            tenant_id = next((name for name in self._waiting if self._running[name] < self._per_tenant), None)
            if tenant_id is None:
                return
            turn = self._waiting[tenant_id][0]
            self._waiting.move_to_end(tenant_id)
            self._forget(tenant_id, turn)
            if not turn.cancelled():
                self._free -= 1
                self._running[tenant_id] += 1
                turn.set_result(None)

    def _forget(self, tenant_id: str, turn: "asyncio.Future[None]") -> None:
        mine = self._waiting.get(tenant_id)
        if mine is not None and turn in mine:
            mine.remove(turn)
            if not mine:
                del self._waiting[tenant_id]


class Reads:
    def __init__(self, pool: Pool, settings: ReadSettings) -> None:
        """pool: of `pool_size` connections, for nothing else."""
        self._pool = pool
        self._timeout_s = settings.timeout_s
        self._turns = Turns(settings.pool_size, settings.per_tenant, settings.waiting)

    @asynccontextmanager
    async def snapshot(self, tenant_id: str) -> AsyncIterator[Connection]:
        """A connection that reads the database as it is now, whatever is written meanwhile.

        Raises TallygateError: 429 and 503 when too many of this tenant's reads wait, or one did not get its turn in
        time; 503 when it took too long.
        """
        await self._turn(tenant_id)
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                await connection.execute(f"SET LOCAL statement_timeout = {self._timeout_s * 1000:.0f}")
                yield connection
        except TIMED_OUT:
            raise TallygateError(
                "unavailable", f"to read this took longer than {self._timeout_s:g} s", retry_after_s=5.0, tips=_NARROWER
            ) from None
        finally:
            self._turns.give(tenant_id)

    async def fetch(self, tenant_id: str | None, statement: str, *values: Any) -> list[asyncpg.Record]:
        """One statement. tenant_id: None for what concerns all of them, which waits as a tenant of its own does."""
        async with self.snapshot(tenant_id or _ALL_TENANTS) as connection:
            return await connection.fetch(statement, *values)

    async def _turn(self, tenant_id: str) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._turns.take(tenant_id)
        except TimeoutError:
            raise TallygateError(
                "unavailable",
                f"other reads of your tenant took all of its turns for {self._timeout_s:g} s",
                retry_after_s=2.0,
                tips=("Ask for less at a time.", "Operators: TALLYGATE_READ_PER_TENANT, TALLYGATE_READ_POOL_SIZE"),
            ) from None


async def connect_reads(database: DatabaseSettings, settings: ReadSettings) -> tuple[Pool, Reads]:
    """A pool that the caller must close, and the reads that go through it."""
    pool = await connect_pool(database.model_copy(update={"database_pool_size": settings.pool_size}))
    return pool, Reads(pool, settings)
