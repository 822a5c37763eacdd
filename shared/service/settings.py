"""Settings that every service reads."""

import os
import secrets
import socket

from pydantic import Field
from pydantic_settings import BaseSettings

from shared.db import DatabaseSettings
from shared.kafka.settings import KafkaSettings


def _own_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"


class ServiceSettings(BaseSettings):
    """Each service gives an `env_prefix` and its port; Kafka and database settings are read by their own classes."""

    host: str = "0.0.0.0"
    port: int
    log_level: str = Field(default="INFO", validation_alias="TALLYGATE_LOG_LEVEL")
    instance: str = Field(default_factory=_own_name)  # two processes must not have the same one

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
