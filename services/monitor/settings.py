"""Settings of the monitor, from the environment."""

import os
import secrets
import socket

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.db import DatabaseSettings
from shared.kafka.settings import KafkaSettings


class MonitorSettings(BaseSettings):
    """`TALLYGATE_MONITOR_*`; Kafka and database settings are read by their own classes."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_MONITOR_")

    host: str = "0.0.0.0"
    port: int = 8001
    log_level: str = Field(default="INFO", validation_alias="TALLYGATE_LOG_LEVEL")
    instance: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}")
    group: str = "monitor"
    features_group: str = "monitor-features"
    router_group: str = "router"
    batch: int = 500
    max_deliveries: int = 5  # routers that may be lost with one inference before it is settled as failed
    # Savings are what the tokens of custom models would have cost here, by genai-prices; empty: not computed.
    savings_reference: str = "openai:gpt-4o"

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
