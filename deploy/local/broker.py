"""Chooses the embedded broker: Kafka, or Tansu where Kafka cannot be had."""

from collections.abc import Mapping

from deploy.local.failure import LocalRunError
from deploy.local.home import Home
from deploy.local.kafka.broker import prepare_kafka
from deploy.local.programs import Program
from deploy.local.progress import say
from deploy.local.settings import LocalSettings
from deploy.local.tansu import tansu_command

# Nothing of the user's environment is a broker's business, least of all the keys.
CLEAN = ["/usr/bin/env", "-i"]
PRIORITY = 20


def broker_program(
    home: Home, settings: LocalSettings, ports: tuple[int, int], mark: str, environment: Mapping[str, str]
) -> Program:
    """Always named `kafka`: it is what the services call it, whichever broker it is."""
    command = _command(home, settings, ports, environment)
    return Program(name="kafka", command=[*CLEAN, mark, *command], priority=PRIORITY)


def _command(home: Home, settings: LocalSettings, ports: tuple[int, int], environment: Mapping[str, str]) -> list[str]:
    port, controller_port = ports
    advertised = settings.kafka_advertised_port or port
    if settings.broker == "tansu":
        return tansu_command(port, advertised)
    try:
        return prepare_kafka(home.kafka, settings.cache, port, controller_port, environment, advertised)
    except LocalRunError as reason:
        if settings.broker == "kafka":
            raise
        say(f"{reason}\nRunning Tansu in place of Apache Kafka: it keeps nothing over its own restart.")
        return tansu_command(port, advertised)
