"""The operator's environment: what the operator set, and for the rest what the local run in this folder was given.

`make run` writes what its services were given to $TALLYGATE_HOME/environment.json, and $TALLYGATE_HOME/supervisor.sock
leads to the socket of the supervisor of its processes. Commands that need the broker, the database or the sealing keys
take them from there when the operator's own environment does not name them.
"""

import json
import os
import socket
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from services.cli.problem import refused
from shared.client import ProblemError
from shared.crypto import KeyRing
from shared.crypto.signing import SigningKeys
from shared.db import DatabaseSettings
from shared.events.topics import Topic
from shared.kafka.real import RealBroker
from shared.kafka.settings import KafkaSettings

_KAFKA, _DATABASE, _KEYS = "KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "TALLYGATE_KEYS"
_SIGNING_KEYS = "TALLYGATE_SIGNING_KEYS"
_EXAMPLES = {
    _KAFKA: f"{_KAFKA}=localhost:9092",
    _DATABASE: f"{_DATABASE}=postgresql://user:password@host:5432/tallygate",
    _KEYS: f"{_KEYS}=kid:base64, as the services have it",
    _SIGNING_KEYS: f"{_SIGNING_KEYS}=kid:base64, as the monitor has it (tallygate secrets new-signing-key)",
}
# An operator who sets one of these may mean another deployment; the local run's other values would not fit it.
_DEPLOYMENT = (_KAFKA, _DATABASE)
# Ports, and no URLs: a port that the operator sets would otherwise lose against the local run's URL.
_PORTS = (
    "TALLYGATE_PORT",
    "TALLYGATE_MONITOR_PORT",
    "TALLYGATE_ROUTER_PORT",
    "TALLYGATE_FEATURES_PORT",
    "TALLYGATE_JOBS_PORT",
)
_TAKEN = (*_DEPLOYMENT, _KEYS, _SIGNING_KEYS, "TALLYGATE_ADMIN_KEY_FILE", *_PORTS)
_CONNECT_TIMEOUT_S = 2.0


class LocalRun(NamedTuple):
    """The local run of a home. given: its environment, empty when there is none. unusable: why not; None: it is."""

    home: Path
    given: Mapping[str, str]
    unusable: str | None


def operator_environment() -> dict[str, str]:
    return merged(os.environ, read_local_run(os.environ))


def broker() -> RealBroker:
    """Raises ProblemError when neither the environment nor the local run names one; so do the next three."""
    return RealBroker(KafkaSettings(bootstrap_servers=_needed(_KAFKA)))


def ingress_topics() -> tuple[Topic, ...]:
    return KafkaSettings().ingress.topics


def database_settings() -> DatabaseSettings:
    return DatabaseSettings(database_url=SecretStr(_needed(_DATABASE)))


def key_ring() -> KeyRing:
    return KeyRing.parse(_needed(_KEYS))


def signing_keys() -> SigningKeys:
    return SigningKeys.parse(_needed(_SIGNING_KEYS))


def _needed(name: str) -> str:
    return needed(name, os.environ, read_local_run(os.environ))


def merged(environment: Mapping[str, str], run: LocalRun) -> dict[str, str]:
    """The operator's variables come first; an empty one counts as not set."""
    own = {name: value for name, value in environment.items() if value}
    if _no_use(own, run) is not None:
        return own
    return {name: run.given[name] for name in _TAKEN if name in run.given} | own


def needed(name: str, environment: Mapping[str, str], run: LocalRun) -> str:
    """Raises ProblemError that names both ways to say it."""
    value = merged(environment, run).get(name)
    if value is None:
        reason = _no_use(environment, run) or f"the local run in {run.home} does not tell it"
        raise _missing(name, reason)
    return value


def read_local_run(environment: Mapping[str, str]) -> LocalRun:
    home = Path(environment.get("TALLYGATE_HOME") or ".tallygate")
    try:
        given = _strings(json.loads((home / "environment.json").read_text()))
    except FileNotFoundError:
        return LocalRun(home, {}, f"there is no local run in {home}")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not what `make run` writes"
        return LocalRun(home, {}, f"{home / 'environment.json'} cannot be read: {reason}")
    return LocalRun(home, given, None if _answers(home / "supervisor.sock") else f"the local run in {home} has ended")


def _no_use(environment: Mapping[str, str], run: LocalRun) -> str | None:
    if run.unusable is not None:
        return run.unusable
    for name in _DEPLOYMENT:
        if environment.get(name) and environment[name] != run.given.get(name):
            return f"{name} names another deployment than the local run in {run.home}"
    return None


def _missing(name: str, reason: str) -> ProblemError:
    return refused(
        f"{name} is not set, and {reason}",
        f"Set it: {_EXAMPLES[name]}",
        "Or start Tallygate in this folder: make run (a run in another folder is found by TALLYGATE_HOME)",
    )


def _strings(given: object) -> dict[str, str]:
    if not isinstance(given, dict):
        raise ValueError("not an object")  # noqa: TRY004 - it is what was read that is wrong
    return {str(name): str(value) for name, value in given.items()}


def _answers(link: Path) -> bool:
    """Whether the supervisor is there. By the socket's own path: the one in the home may be too long for a socket."""
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(_CONNECT_TIMEOUT_S)
        try:
            connection.connect(str(link.resolve()))
        except OSError:
            return False
    return True
