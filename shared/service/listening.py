"""Settings of whatever listens for HTTP."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from shared.service.connections import ConnectionLimits
from shared.settings import Beyond, Port, Settings

LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
    BeforeValidator(lambda level: level.upper() if isinstance(level, str) else level),
]


class HttpSettings(Settings):
    """How a service listens. Each service gives an `env_prefix` and its port."""

    host: str = Field(default="0.0.0.0", min_length=1, max_length=253, description="the address to listen on")
    port: Port
    log_level: LogLevel = Field(
        default="INFO", validation_alias="TALLYGATE_LOG_LEVEL", description="the same variable for every service"
    )
    max_connections: Annotated[int, Beyond(words="the connection is closed at once")] = Field(
        default=10_000, ge=1, le=1_000_000, validation_alias="TALLYGATE_MAX_CONNECTIONS",
        description="HTTP connections of one process. The same variable for every service",
    )  # fmt: skip
    # Who opens a connection has something to ask; ten seconds are enough for the slowest line.
    header_timeout_s: Annotated[float, Beyond(words="the connection is closed")] = Field(
        default=10.0, gt=0, le=3600, validation_alias="TALLYGATE_HEADER_TIMEOUT_S",
        description="for the head of a request on a connection. The same variable for every service",
    )  # fmt: skip
    max_header_bytes: Annotated[int, Beyond(words="431, and the connection is closed")] = Field(
        default=64 * 1024, ge=1024, le=2**20, validation_alias="TALLYGATE_MAX_HEADER_BYTES",
        description="of the head of one request, and of its trailers. The same variable for every service",
    )  # fmt: skip
    # The least that a client may take of its answer in this time is what fills the buffer of its connection, 64 KB.
    stall_timeout_s: Annotated[float, Beyond(words="the connection is closed")] = Field(
        default=30.0, gt=0, le=3600, validation_alias="TALLYGATE_STALL_TIMEOUT_S",
        description="for a client that takes nothing of its answer. The same variable for every service",
    )  # fmt: skip

    @property
    def connection_limits(self) -> ConnectionLimits:
        return ConnectionLimits(
            self.max_connections, self.header_timeout_s, self.stall_timeout_s, self.max_header_bytes
        )
