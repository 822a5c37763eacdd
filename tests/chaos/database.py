"""The database as an operator or a failover may leave it, and who has the lease of recovery in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from tests.chaos.repeats import pid_of

_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_TURN_WITHIN_S = 20.0
_ASK_EVERY_S = 0.01
# Who recovers is held up here between taking the lease and its first redelivery, for as long as it takes to freeze it.
_HOLD_UP = "LOCK TABLE monitor.redeliveries IN SHARE ROW EXCLUSIVE MODE"
_END_THE_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_HOLDER = "SELECT holder FROM monitor.leases WHERE name = 'recovery' AND until > clock_timestamp()"


@asynccontextmanager
async def read_only(url: str) -> AsyncIterator[None]:
    """As a standby, or a server whose disk is nearly full: what wants to write is refused."""
    try:
        await _turn(url, "SET default_transaction_read_only = on", "on")
        yield
    finally:
        await _turn(url, "RESET default_transaction_read_only", "off")


@asynccontextmanager
async def recovery_held_up(url: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        async with connection.transaction():
            await connection.execute(_HOLD_UP)
            yield
    finally:
        await connection.close()


async def lease_holder(url: str, within_s: float = 0.0) -> int | None:
    """The pid of the monitor that has the lease of recovery; None when nobody has it for all that time."""
    connection = await asyncpg.connect(url, timeout=5)
    deadline = asyncio.get_running_loop().time() + within_s
    try:
        while True:
            holder = await connection.fetchval(_HOLDER)
            if holder is not None:
                return pid_of(holder.partition("#")[0])  # what follows tells the turns of a monitor apart
            if asyncio.get_running_loop().time() >= deadline:
                return None
            await asyncio.sleep(_ASK_EVERY_S)
    finally:
        await connection.close()


async def _turn(url: str, setting: str, wanted: str) -> None:
    """Until new connections see it; old ones are ended."""
    async with asyncio.timeout(_TURN_WITHIN_S):
        while not await _turned(url, setting, wanted):  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.1)


async def _turned(url: str, setting: str, wanted: str) -> bool:
    """False while the server is away, or has not read its settings again."""
    with suppress(*_AWAY):
        connection = await asyncpg.connect(url, timeout=5)
        try:
            if await connection.fetchval("SHOW default_transaction_read_only") == wanted:
                await connection.execute(_END_THE_OTHERS)
                return True
            await connection.execute(f"ALTER SYSTEM {setting}")
            await connection.execute("SELECT pg_reload_conf()")
        finally:
            await connection.close()
    return False
