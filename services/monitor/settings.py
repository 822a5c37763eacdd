"""Settings of the monitor, from the environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.service.settings import ServiceSettings


class MonitorSettings(ServiceSettings):
    """`TALLYGATE_MONITOR_*`."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_MONITOR_")

    port: int = 8001
    group: str = "monitor"
    features_group: str = "monitor-features"
    router_group: str = "router"
    batch: int = 500
    recovery_lease_s: float = Field(default=15.0, gt=0)  # so long others wait for a monitor that stands still
    sweep_after_s: float = Field(default=60.0, gt=0)  # past its deadline, what is open is settled by the monitor
    max_deliveries: int = 5  # routers that may be lost with one inference before it is settled as failed
    # Savings are what the tokens of custom models would have cost here, by genai-prices; empty: not computed.
    savings_reference: str = "openai:gpt-4o"
