"""Settings of the features worker, from the environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.crypto.keys import KeySettings
from shared.guard import GuardSettings
from shared.kafka.replies import partition_of
from shared.registry import ProviderSettings
from shared.service.settings import ServiceSettings


class FeaturesSettings(ServiceSettings):
    """`TALLYGATE_FEATURES_*`; key, guard and provider settings are read by their own classes."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_FEATURES_")

    port: int = 8020
    group: str = "features"
    reply_partition: int | None = None  # otherwise derived from the instance's configured name
    max_jobs: int = Field(default=4, ge=1)  # at once in one worker
    max_deliveries: int = Field(default=3, ge=1)  # workers that may be lost with one job
    lease_s: float = Field(default=10.0, gt=0)  # a worker that does not renew for so long loses its jobs
    call_timeout_s: float = Field(default=300.0, gt=0)  # for one model call
    context_tokens: int = Field(default=24_000, ge=500)  # of the repository, in a prompt
    answer_tokens: int = Field(default=8_000, ge=256)  # that a model may answer with
    max_repairs: int = Field(default=2, ge=0)
    clone_timeout_s: float = Field(default=60.0, gt=0)
    max_repository_bytes: int = Field(default=20_000_000, ge=1)
    retention_s: float = Field(default=86_400.0, gt=0)  # of settled jobs and the values of their steps
    check_command: str = ""  # run in the sandbox on what was produced; empty: nothing is ever executed
    check_timeout_s: float = Field(default=120.0, gt=0)

    sealing: KeySettings = Field(default_factory=KeySettings)
    provider: ProviderSettings = Field(default_factory=ProviderSettings)
    guard: GuardSettings = Field(default_factory=GuardSettings)

    @property
    def partition(self) -> int:
        return partition_of(self.instance_name) if self.reply_partition is None else self.reply_partition
