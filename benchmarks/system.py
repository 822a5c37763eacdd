"""A whole Tallygate of this checkout's code, running: a stack of its own, beside the stage."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.api import Api
from benchmarks.plan import TALLYGATE
from benchmarks.stage import Stage, running_stage
from benchmarks.target import Target
from deploy.local.ports import free_ports
from deploy.local.progress import step
from deploy.local.stack import Running, Stack

_SERVICES = ("gateway", "router", "monitor", "features")
_INFRASTRUCTURE = ("postgres", "kafka")
OURS = (*_SERVICES, *_INFRASTRUCTURE)  # what running Tallygate costs
_CHOSEN_HERE = ("TALLYGATE_", "KAFKA_", "DATABASE_", "OTEL_")
_KEPT = ("TALLYGATE_CACHE", "TALLYGATE_BROKER")


@dataclass(frozen=True)
class System:
    """environment: as an operator's shell has it, for the `tallygate` command. programs: what running it costs."""

    stage: Stage
    stack: Stack
    api: Api
    environment: Mapping[str, str]
    programs: Sequence[str] = OURS

    @property
    def pids(self) -> dict[str, int]:
        return {name: self.stack.pid(name) for name in self.programs}

    @property
    def bootstrap_servers(self) -> str:
        return self.environment["KAFKA_BOOTSTRAP_SERVERS"]

    @property
    def database_url(self) -> str:
        return self.environment["DATABASE_URL"]

    @property
    def target(self) -> Target:
        return Target(TALLYGATE, self.api.gateway, self.pids, model="custom:{}", key=self.api.key)


@contextmanager
def running_system(
    models: Iterable[str], stage: Stage | None = None, beside: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
) -> Iterator[System]:  # fmt: skip
    """models: those of the stage's endpoint that are registered. beside: services that most benchmarks do without.
    settings: of the services, other than their defaults."""
    with ExitStack() as stack:
        stage = stage or stack.enter_context(running_stage())
        local = Stack(stage.folder / "home", _environment() | dict(settings or {}), (*_SERVICES, *beside))
        stack.callback(_removed, local)
        api = _api(local.up())
        for model in models:
            api.register(model, f"{stage.direct.origin}/v1")
        yield System(stage, local, api, {**os.environ, **local.environment()}, (*OURS, *beside))


def _api(running: Running) -> Api:
    assert running.gateway is not None
    assert running.monitor is not None
    return Api(running.gateway, running.monitor, Path(running.admin_key_file).read_text().strip())


def _environment() -> dict[str, str]:
    """One router, free ports, and every default except the rate of a tenant, since all callers are of one: figures of
    different machines are to be comparable."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith(_CHOSEN_HERE)}
    names = ("", "_MONITOR", "_CONSOLE", "_ROUTER", "_FEATURES", "_JOBS")
    ports = {f"TALLYGATE{name}_PORT": str(port) for name, port in zip(names, free_ports(len(names)), strict=True)}
    return kept | ports | {"TALLYGATE_TENANT_RATE_PER_S": "0"}


def _removed(local: Stack) -> None:
    with step("stop everything"):
        local.remove()
