"""The local run of a checkout, in a process and a home of its own, and the endpoints of both tenants."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import server, stopped
from benchmarks.hostile.callers import CallOrder, Calls
from deploy.local.failure import LocalRunError
from deploy.local.ports import free_port_range, free_ports
from shared.client import Client
from shared.client.requests import CUSTOM_MODELS, KEYS, model_body

_CHOSEN_HERE = ("TALLYGATE_", "KAFKA_", "DATABASE_", "OTEL_")
_KEPT = ("TALLYGATE_CACHE", "TALLYGATE_BROKER")
_CALLS_END_S = 60.0


@dataclass(frozen=True)
class Both:
    """A running gateway, the endpoints, and the operator's key."""

    gateway: str
    endpoint: str
    admin_key: str

    def tenant(self, name: str, models: dict[str, str]) -> str:
        """The key of a new tenant with these models: id to what the endpoint calls it."""
        key = str(Client(self.gateway, self.admin_key).post(KEYS, {"tenant": name}).body["key"])
        for model_id, behaviour in models.items():
            body = model_body(model_id, f"{self.endpoint}/v1", config={"model": behaviour}, timeout_s=60)
            Client(self.gateway, key).post(CUSTOM_MODELS, body)
        return key


@contextmanager
def both_of(checkout: Path, settings: dict[str, str]) -> Iterator[Both]:
    """settings: of the services, beside the defaults. Raises LocalRunError."""
    with tempfile.TemporaryDirectory(prefix="tallygate-hostile-") as folder:
        endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
        arguments = ["benchmarks.hostile.endpoint", "--port", endpoint.rpartition(":")[2]]
        environment = _environment(Path(folder, "home")) | settings
        with server("endpoint", arguments, endpoint, Path(folder)), _running(checkout, environment) as found:
            key = Path(found["admin_key_file"]).read_text().strip()
            yield Both(found["gateway"], endpoint, key)


@contextmanager
def calling(order: CallOrder) -> Iterator["subprocess.Popen[str]"]:
    """The callers, which call from now on. What they found: `found_by`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.hostile.callers"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with stopped(process):
        assert process.stdin is not None
        process.stdin.write(order.model_dump_json())
        process.stdin.close()
        process.stdin = None
        yield process


def found_by(process: "subprocess.Popen[str]") -> Calls:
    told, _ = process.communicate(timeout=_CALLS_END_S)
    return Calls.model_validate_json(told)


def python_of(checkout: Path) -> str:
    """Its own, where it has one: what it imports may differ from what this one does."""
    own = checkout / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


@contextmanager
def _running(checkout: Path, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    local = [python_of(checkout), "-m", "deploy.local"]
    process = subprocess.Popen(
        [*local, "run"], cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        word, _, found = process.stdout.readline().strip().partition(" ")
        if word != "ready":
            raise LocalRunError(f"The local run of {checkout} did not start.")
        yield json.loads(found)
    finally:
        process.terminate()
        process.wait(120)
        subprocess.run([*local, "clean"], cwd=checkout, env=environment, check=False, stdout=subprocess.DEVNULL)


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith(_CHOSEN_HERE)}
    names = ("", "_MONITOR", "_CONSOLE", "_FEATURES")
    ports = {f"TALLYGATE{name}_PORT": str(port) for name, port in zip(names, free_ports(4), strict=True)}
    return kept | ports | {"TALLYGATE_ROUTER_PORT": str(free_port_range(2)), "TALLYGATE_HOME": str(home)}
