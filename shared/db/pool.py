"""One pool a process."""

import asyncio
import math
from typing import Any, TypeAlias

import asyncpg
import orjson
import structlog
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from shared.db.failures import RETRYABLE
from shared.errors import ConfigurationError

logger = structlog.get_logger(__name__)

LONGEST_STATEMENT_S = 60.0  # of those that nobody waits for, and that bring a timeout of their own

# In quotes: asyncpg's classes are generic only for the type checker.
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


class DatabaseSettings(BaseSettings):
    """`DATABASE_URL` in the form postgresql://user:password@host:port/database."""

    database_url: SecretStr = SecretStr("")
    database_pool_size: int = Field(default=8, gt=0)
    database_timeout_s: float = Field(default=10.0, gt=0)
    # After this the server ends a session that holds a transaction open and says nothing: of a process that was frozen,
    # or was cut off from the network. Its locks end with it.
    database_silence_s: float = Field(default=15.0, gt=0)

    def dsn(self) -> str:
        dsn = self.database_url.get_secret_value()
        if not dsn:
            raise ConfigurationError(
                "DATABASE_URL is not set; for example postgresql://user:password@host:5432/tallygate"
            )
        return dsn

    def session(self) -> dict[str, str]:
        """What each session of a service asks of the server."""
        longest_s = max(self.database_timeout_s, LONGEST_STATEMENT_S) + self.database_silence_s
        return ends_when_silent(self.database_silence_s) | {"statement_timeout": _ms(longest_s)}


def ends_when_silent(silence_s: float) -> dict[str, str]:
    """Settings of a session with which no lock outlasts by much whoever holds it.

    A transaction that stands still is rolled back, so a process that is frozen loses its locks. A client that no longer
    takes what is sent to it, or whose network does not answer, is given up, in a transaction or not.
    """
    probe_s = str(max(1, math.ceil(silence_s / 3)))
    return {
        "idle_in_transaction_session_timeout": _ms(silence_s),
        "tcp_user_timeout": _ms(silence_s),
        "tcp_keepalives_idle": probe_s,
        "tcp_keepalives_interval": probe_s,
        "tcp_keepalives_count": "2",
    }


def _ms(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))


async def connect_pool(settings: DatabaseSettings, *, wait_s: float = 60.0) -> Pool:
    """A pool, waiting up to `wait_s` for a database that is still starting."""
    deadline = asyncio.get_running_loop().time() + wait_s
    while True:
        try:
            return await asyncpg.create_pool(
                settings.dsn(),
                min_size=1,
                max_size=settings.database_pool_size,
                command_timeout=settings.database_timeout_s,
                timeout=settings.database_timeout_s,
                server_settings=settings.session(),
                init=_init_connection,
            )
        except RETRYABLE as error:
            if asyncio.get_running_loop().time() > deadline:
                raise ConfigurationError(f"no connection to DATABASE_URL within {wait_s:.0f} s: {error}") from error
            logger.warning("database.waiting", reason=str(error))
            await asyncio.sleep(0.5)


async def _init_connection(connection: Any) -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, encoder=_dump, decoder=orjson.loads, schema="pg_catalog", format="text")


def _dump(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()
