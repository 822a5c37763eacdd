"""Settings of the guard, from the environment."""

import ipaddress

from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import ConfigurationError
from shared.guard.guard import Guard
from shared.guard.ranges import Network


class GuardSettings(BaseSettings):
    """`TALLYGATE_ALLOWED_NETWORKS`: networks that custom models may be in although they are not public."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_")

    allowed_networks: str = ""

    def guard(self) -> Guard:
        """Raises ConfigurationError when an entry is no network."""
        entries = (entry.strip() for entry in self.allowed_networks.split(","))
        return Guard(tuple(_network(entry) for entry in entries if entry))


def _network(entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError as error:
        raise ConfigurationError(
            f"TALLYGATE_ALLOWED_NETWORKS: {error}. Write networks as in 10.1.0.0/16,fd12:3456::/32"
        ) from None
