"""Settings of the guard, from the environment."""

import ipaddress
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from shared.errors import ConfigurationError
from shared.guard.guard import Guard
from shared.guard.ranges import Network
from shared.settings import Settings


class GuardSettings(Settings):
    """`TALLYGATE_ALLOWED_NETWORKS`: networks that custom models and webhooks may be in although they are not public."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_")

    allowed_networks: str = Field(
        default="", max_length=20_000,
        description="networks that custom models and webhooks may be in although they are not public, separated by "
        "commas, as in `10.1.0.0/16,fd12:3456::/32`; within them every port may be called. Give all services the same. "
        "The local run allows loopback ([decisions/0009](decisions/0009-endpoint-guard.md))",
    )  # fmt: skip

    @model_validator(mode="after")
    def _readable(self) -> Self:
        self.guard()
        return self

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
