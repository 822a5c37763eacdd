"""Settings of the gateway, from the environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.gateway.inference.limits import LoadLimits
from shared.access import ApiKey
from shared.access.keys import parse_key
from shared.crypto.keys import KeySettings
from shared.errors import ConfigurationError
from shared.guard import GuardSettings
from shared.kafka.replies import partition_of
from shared.registry import ProviderSettings
from shared.service.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """`TALLYGATE_*`; key, guard and provider settings are read by their own classes."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_")

    port: int = 8000
    reply_partition: int | None = None  # a StatefulSet ordinal; otherwise derived from the instance's configured name
    monitor_url: str = "http://localhost:8001"
    admin_key_file: Path | None = None  # the bootstrap admin key, made known at start
    bootstrap_tenant: str = "default"
    max_body_bytes: int = 3_500_000  # sealed and in base64 it still fits a record of 5 MiB
    body_timeout_s: float = Field(default=30.0, gt=0)  # 3.5 MB on a line of 1 Mbit/s
    max_bodies_bytes: int = Field(default=512 * 1024 * 1024, gt=0)
    default_deadline_s: float = 120.0
    max_deadline_s: float = 3600.0
    publish_timeout_s: float = Field(default=5.0, gt=0)  # for the broker's ack; the caller gets a 503 after it
    result_retention_s: float = Field(default=86_400.0, gt=0)  # how long an Idempotency-Key gives the same answer
    feature_retention_s: float = Field(default=30 * 86_400.0, gt=0)  # how long the result of a feature job is kept
    tenant_rate_per_s: float = Field(default=0.0, ge=0)
    tenant_burst: int = Field(default=0, ge=0)
    tenant_max_in_flight: int = Field(default=0, ge=0)
    max_in_flight: int = Field(default=4000, ge=0)
    max_queue_age_s: float = Field(default=30.0, ge=0)
    router_group: str = "router"  # the routers' own setting: whose claims the queue's age is measured by

    sealing: KeySettings = Field(default_factory=KeySettings)
    provider: ProviderSettings = Field(default_factory=ProviderSettings)
    guard: GuardSettings = Field(default_factory=GuardSettings)

    @property
    def partition(self) -> int:
        return partition_of(self.instance_name) if self.reply_partition is None else self.reply_partition

    @property
    def load_limits(self) -> LoadLimits:
        return LoadLimits(
            tenant_rate_per_s=self.tenant_rate_per_s,
            tenant_burst=self.tenant_burst,
            tenant_max_in_flight=self.tenant_max_in_flight,
            max_in_flight=self.max_in_flight,
            max_queue_age_s=self.max_queue_age_s,
        )

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
