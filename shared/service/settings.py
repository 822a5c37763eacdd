"""Settings that every service reads."""

import os
import secrets
import socket
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings

from shared.db import DatabaseSettings
from shared.kafka.settings import KafkaSettings


def _host_and_pid() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


def _of_this_life(name: str) -> str:
    return f"{name}-{secrets.token_hex(4)}"


class ServiceSettings(BaseSettings):
    """Each service gives an `env_prefix` and its port; Kafka and database settings are read by their own classes."""

    host: str = "0.0.0.0"
    port: int
    log_level: str = Field(default="INFO", validation_alias="TALLYGATE_LOG_LEVEL")
    # The configured name and a random part. A name that is used again, after a restart or by a second process, must not
    # be taken for the process that had it before: its work would pass as in hand, or the work of the new one as lost.
    # An identity has at most 200 characters in events.
    instance: Annotated[str, Field(min_length=1, max_length=150), AfterValidator(_of_this_life)] = Field(
        default_factory=_host_and_pid
    )

    max_connections: int = Field(default=10_000, gt=0, validation_alias="TALLYGATE_MAX_CONNECTIONS")
    # Who opens a connection has something to ask; ten seconds are enough for the slowest line.
    header_timeout_s: float = Field(default=10.0, gt=0, validation_alias="TALLYGATE_HEADER_TIMEOUT_S")

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)

    @property
    def instance_name(self) -> str:
        """As configured, the same after each restart."""
        return self.instance.rpartition("-")[0]
