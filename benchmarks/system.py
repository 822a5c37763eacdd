"""Everything that a benchmark needs, running: a stack of its own, the model server, the proxy, the load generator."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.api import Api
from benchmarks.children import server
from benchmarks.load.generator import LoadGenerator, load_generator
from benchmarks.load.messages import LoadOrder, chat_request
from benchmarks.plan import DIRECT, PROXY, TALLYGATE
from deploy.local.ports import free_ports
from deploy.local.progress import step
from deploy.local.stack import Running, Stack

OURS = ("gateway", "router", "monitor", "features", "kafka", "postgres")  # what running Tallygate costs
_CHOSEN_HERE = ("TALLYGATE_", "KAFKA_", "DATABASE_", "OTEL_")
_KEPT = ("TALLYGATE_CACHE", "TALLYGATE_BROKER")


@dataclass(frozen=True)
class System:
    stack: Stack
    api: Api
    load: LoadGenerator
    origins: dict[str, str]  # by target
    others: dict[str, int]  # pids of what is not part of the stack

    @property
    def pids(self) -> dict[str, int]:
        return {name: self.stack.pid(name) for name in OURS} | self.others

    def order(self, target: str, model: str, **timing: float) -> LoadOrder:
        """timing: `callers`, and what else a LoadOrder takes."""
        origin = self.origins[target]
        named = f"custom:{model}" if target == TALLYGATE else model
        headers = self.api.authorization if target == TALLYGATE else {}
        host, _, port = origin.removeprefix("http://").rpartition(":")
        callers = int(timing.pop("callers"))
        request = chat_request(origin, named, headers)
        return LoadOrder(host=host, port=int(port), request=request, callers=callers, **timing)


@contextmanager
def running_system(models: Iterable[str]) -> Iterator[System]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tallygate-bench-")))
        local = Stack(home / "home", _environment())
        stack.callback(_removed, local)
        running = local.up()
        model_server, proxy = (f"http://127.0.0.1:{port}" for port in free_ports(2))
        others = {
            "model server": stack.enter_context(
                server("model-server", ["deploy.model_server", "--port", _port(model_server)], model_server, home)
            ),
            "proxy": stack.enter_context(
                server("proxy", ["benchmarks.proxy", "--port", _port(proxy), "--upstream", model_server], proxy, home)
            ),
        }
        load = stack.enter_context(load_generator())
        api = _api(running, model_server)
        for model in models:
            api.register(model)
        origins = {DIRECT: model_server, PROXY: proxy, TALLYGATE: api.gateway}
        yield System(local, api, load, origins, others | {"load generator": load.pid})


def _api(running: Running, model_server: str) -> Api:
    assert running.gateway is not None
    assert running.monitor is not None
    return Api(running.gateway, running.monitor, model_server, Path(running.admin_key_file).read_text().strip())


def _environment() -> dict[str, str]:
    """One router, free ports, and every default except the rate of a tenant, since all callers are of one: figures of
    different machines are to be comparable."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith(_CHOSEN_HERE)}
    names = ("", "_MONITOR", "_CONSOLE", "_ROUTER", "_FEATURES")
    ports = {f"TALLYGATE{name}_PORT": str(port) for name, port in zip(names, free_ports(5), strict=True)}
    return kept | ports | {"TALLYGATE_TENANT_RATE_PER_S": "0"}


def _removed(local: Stack) -> None:
    with step("stop everything"):
        local.remove()


def _port(origin: str) -> str:
    return origin.rpartition(":")[2]
