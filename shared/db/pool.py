"""One pool a process."""

import asyncio
import math
from typing import Annotated, Any, Self, TypeAlias
from urllib.parse import urlsplit

import asyncpg
import orjson
import structlog
from pydantic import Field, SecretStr, model_validator

from shared.db.failures import RETRYABLE, BadAddressError, described, meaning
from shared.errors import ConfigurationError
from shared.settings import Beyond, Settings

logger = structlog.get_logger(__name__)

LONGEST_STATEMENT_S = 60.0  # of those that nobody waits for, and that bring a timeout of their own

# In quotes: asyncpg's classes are generic only for the type checker.
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


_FORM = "postgresql://host:5432/tallygate, with user:password@ before the host"


class DatabaseSettings(Settings):
    """`DATABASE_URL` in the form postgresql://user:password@host:port/database."""

    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="`postgresql://user:password@host:port/database`; TLS as asyncpg reads it from the URL "
        "(`?sslmode=...`)",
    )
    database_pool_size: Annotated[int, Beyond(words="statements wait for a connection")] = Field(
        default=8, ge=1, le=1000,
        description="connections of one process, besides one that listens. For a router the default is 2",
    )  # fmt: skip
    database_timeout_s: Annotated[float, Beyond("unavailable")] = Field(
        default=10.0, gt=0, le=3600, description="for one statement, and for making a connection"
    )
    database_silence_s: Annotated[float, Beyond(words="the server ends the session, and its locks with it")] = Field(
        default=15.0, ge=0.1, le=3600,
        description="a session may stand still in a transaction for so long, and its client may take or answer "
        "nothing. A pooler in between must let the parameters of such sessions through",
    )  # fmt: skip

    @model_validator(mode="after")
    def _is_a_url(self) -> Self:
        dsn = self.database_url.get_secret_value()
        if dsn and not _is_postgresql(dsn):
            raise ConfigurationError(f"DATABASE_URL is not of the form {_FORM} (its value is not shown)")
        return self

    def dsn(self) -> str:
        dsn = self.database_url.get_secret_value()
        if not dsn:
            raise ConfigurationError(f"DATABASE_URL is not set; for example {_FORM}")
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


def _is_postgresql(dsn: str) -> bool:
    try:
        scheme, port = urlsplit(dsn).scheme, urlsplit(dsn).port
    except ValueError:  # the port is no number, or the host no address
        return False
    return scheme in ("postgresql", "postgres") and port != 0


async def connect_pool(settings: DatabaseSettings, *, wait_s: float = 60.0) -> Pool:
    """A pool, waiting up to `wait_s` for a database that is still starting. Raises ConfigurationError."""
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
                reset=_as_it_is,
            )
        except BadAddressError as error:
            raise ConfigurationError(f"DATABASE_URL cannot be used: {error}") from None
        except RETRYABLE as error:
            if meaning(error) == "stop":
                raise ConfigurationError(f"the database refuses DATABASE_URL: {described(error)}") from error
            if asyncio.get_running_loop().time() > deadline:
                raise ConfigurationError(
                    f"no connection to DATABASE_URL within {wait_s:.0f} s: {described(error)}"
                ) from error
            logger.warning("database.waiting", reason=str(error))
            await asyncio.sleep(0.5)


async def _init_connection(connection: Any) -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, encoder=_dump, decoder=orjson.loads, schema="pg_catalog", format="text")


async def _as_it_is(_connection: Any) -> None:
    """A session needs no reset after its use, which would cost a round trip: whatever we set, lock or make is of a
    transaction, and asyncpg ends those by itself."""


def _dump(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()
