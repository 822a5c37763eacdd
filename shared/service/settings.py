"""Settings of the services that hear and say events."""

import os
import secrets
import socket
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.db import DatabaseSettings
from shared.kafka.settings import KafkaSettings
from shared.service.listening import HttpSettings

# Of the services that count calls.
MetricsModelNames = Annotated[
    bool,
    Field(
        validation_alias="TALLYGATE_METRICS_MODEL_NAMES",
        description="whether metrics name tenants' models; otherwise all of them are `custom`. Whoever may read "
        "`/metrics` reads these names, and models of one name of several tenants are counted as one. The same variable "
        "for router and monitor",
    ),
]


def _host_and_pid() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


def _of_this_life(name: str) -> str:
    return f"{name}-{secrets.token_hex(4)}"


class ServiceSettings(HttpSettings):
    """Of a service that hears and says events; Kafka and database settings are read by their own classes."""

    # The configured name and a random part. A name that is used again, after a restart or by a second process, must not
    # be taken for the process that had it before: its work would pass as in hand, or the work of the new one as lost.
    # An identity has at most 200 characters in events.
    instance: Annotated[str, Field(min_length=1, max_length=150), AfterValidator(_of_this_life)] = Field(
        default_factory=_host_and_pid,
        description="the name of this process in events and traces (at most 150 characters), by default made of host "
        "and pid; a random part is added at each start",
    )
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)

    @property
    def instance_name(self) -> str:
        """As configured, the same after each restart."""
        return self.instance.rpartition("-")[0]
