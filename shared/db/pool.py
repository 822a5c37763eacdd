"""One pool a process."""

import asyncio
from typing import Any, TypeAlias

import asyncpg
import orjson
import structlog
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from shared.db.failures import RETRYABLE
from shared.errors import ConfigurationError

logger = structlog.get_logger(__name__)

# In quotes: asyncpg's classes are generic only for the type checker.
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


class DatabaseSettings(BaseSettings):
    """`DATABASE_URL` in the form postgresql://user:password@host:port/database."""

    database_url: SecretStr = SecretStr("")
    database_pool_size: int = 8
    database_timeout_s: float = 10.0

    def dsn(self) -> str:
        dsn = self.database_url.get_secret_value()
        if not dsn:
            raise ConfigurationError(
                "DATABASE_URL is not set; for example postgresql://user:password@host:5432/tallygate"
            )
        return dsn


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
