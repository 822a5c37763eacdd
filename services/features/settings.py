"""Settings of the features worker, from the environment."""

import os
import secrets
import socket

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.crypto.keys import KeySettings
from shared.db import DatabaseSettings
from shared.guard import GuardSettings
from shared.kafka.replies import partition_of
from shared.kafka.settings import KafkaSettings
from shared.registry import ProviderSettings


class FeaturesSettings(BaseSettings):
    """`TALLYGATE_FEATURES_*`; Kafka, database, key, guard and provider settings are read by their own classes."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_FEATURES_")

    host: str = "0.0.0.0"
    port: int = 8020
    log_level: str = Field(default="INFO", validation_alias="TALLYGATE_LOG_LEVEL")
    instance: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}")
    group: str = "features"
    reply_partition: int | None = None  # otherwise derived from the instance
    max_jobs: int = Field(default=4, ge=1)  # at once in one worker
    max_deliveries: int = Field(default=3, ge=1)  # workers that may be lost with one job
    lease_s: float = Field(default=10.0, gt=0)  # a worker that is silent for so long has lost its jobs
    call_timeout_s: float = Field(default=300.0, gt=0)  # for one model call
    context_tokens: int = Field(default=24_000, ge=500)  # of the repository, in a prompt
    answer_tokens: int = Field(default=8_000, ge=256)  # that a model may answer with
    max_repairs: int = Field(default=2, ge=0)
    clone_timeout_s: float = Field(default=60.0, gt=0)
    max_repository_bytes: int = Field(default=20_000_000, ge=1)
    retention_s: float = Field(default=86_400.0, gt=0)  # of what finished steps gave
    check_command: str = ""  # run in the sandbox on what was produced; empty: nothing is ever executed
    check_timeout_s: float = Field(default=120.0, gt=0)

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    sealing: KeySettings = Field(default_factory=KeySettings)
    provider: ProviderSettings = Field(default_factory=ProviderSettings)
    guard: GuardSettings = Field(default_factory=GuardSettings)

    @property
    def partition(self) -> int:
        return partition_of(self.instance) if self.reply_partition is None else self.reply_partition
