"""Settings of the gateway, from the environment."""

import os
import secrets
import socket
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.access import ApiKey
from shared.access.keys import parse_key
from shared.crypto.keys import KeySettings
from shared.db import DatabaseSettings
from shared.errors import ConfigurationError
from shared.events.replies import partition_of
from shared.events.settings import KafkaSettings
from shared.registry import ProviderSettings


class GatewaySettings(BaseSettings):
    """`TALLYGATE_*`; Kafka, database, key and provider settings are read by their own classes."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_")

    host: str = "0.0.0.0"
    port: int = 8000
    log_level: str = "INFO"
    instance: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}")
    reply_partition: int | None = None  # a StatefulSet ordinal; otherwise derived from the instance
    monitor_url: str = "http://localhost:8001"
    admin_key_file: Path | None = None  # the bootstrap admin key, made known at start
    bootstrap_tenant: str = "default"
    max_body_bytes: int = 3_500_000  # sealed and in base64 it still fits a record of 5 MiB
    default_deadline_s: float = 120.0
    max_deadline_s: float = 3600.0

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    sealing: KeySettings = Field(default_factory=KeySettings)
    provider: ProviderSettings = Field(default_factory=ProviderSettings)

    @property
    def partition(self) -> int:
        return partition_of(self.instance) if self.reply_partition is None else self.reply_partition

    def bootstrap_key(self) -> ApiKey | None:
        """The key in `admin_key_file`. Raises ConfigurationError when the file cannot be read or holds none."""
        path = self.admin_key_file
        if path is None:
            return None
        try:
            key = parse_key(path.read_text().strip())
        except OSError as error:
            raise ConfigurationError(f"TALLYGATE_ADMIN_KEY_FILE={path} cannot be read: {error.strerror}") from error
        if key is None:
            raise ConfigurationError(
                f"TALLYGATE_ADMIN_KEY_FILE={path} does not hold a key; make one with: tallygate keys new-admin-key"
            )
        return key
