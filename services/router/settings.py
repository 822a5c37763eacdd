"""Settings of the router, from the environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.crypto.keys import KeySettings
from shared.db import DatabaseSettings
from shared.guard import GuardSettings
from shared.registry import ProviderSettings
from shared.service.settings import ServiceSettings


class RouterDatabaseSettings(DatabaseSettings):
    """A router only reads the registry, so it needs few connections."""

    database_pool_size: int = 2


class RouterSettings(ServiceSettings):
    """`TALLYGATE_*` and `TALLYGATE_ROUTER_*`."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_ROUTER_")

    port: int = 8010
    group: str = "router"
    max_in_flight: int = 2000  # the router then takes no more, so that other routers can
    drain_s: float = 20.0  # SIGTERM: calls in flight may finish within this
    connect_timeout_s: float = 5.0
    max_tries: int = 3  # calls of one candidate, the first included
    max_calls: int = Field(default=8, ge=1)  # of one inference, over all its candidates and deliveries
    retry_base_s: float = 0.2
    retry_max_s: float = 5.0
    breaker_failures: int = 20  # calls of one model that fail in a row before it is paused
    breaker_pause_s: float = 5.0  # until it is tried again; doubles while that fails
    breaker_max_pause_s: float = 60.0
    max_answer_bytes: int = 3_500_000  # sealed and in base64 it still fits a record of 5 MiB

    database: RouterDatabaseSettings = Field(default_factory=RouterDatabaseSettings)
    sealing: KeySettings = Field(default_factory=KeySettings)
    provider: ProviderSettings = Field(default_factory=ProviderSettings)
    guard: GuardSettings = Field(default_factory=GuardSettings)
