"""What every benchmark has beside its target: the endpoint and the load generator, each a process of its own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.children import server
from benchmarks.load.generator import LoadGenerator, load_generator
from benchmarks.plan import DIRECT, PROXY
from benchmarks.target import Target
from deploy.local.ports import free_port
from shared.client import Client


@dataclass(frozen=True)
class Stage:
    """folder: for logs and configurations; it goes when the benchmark ends. direct: the endpoint, called directly."""

    folder: Path
    direct: Target
    load: LoadGenerator

    @property
    def pids(self) -> dict[str, int]:
        return {**self.direct.pids, "load generator": self.load.pid}

    def ledger(self) -> dict[str, Any]:
        """`total`: completions that the endpoint was asked for; `open`: of them, not answered yet."""
        found: dict[str, Any] = Client(self.direct.origin).get("/ledger").body
        return found

    def request_ids(self) -> list[str | None]:
        """The `x-request-id` of every completion; the router sends the attempt's id, other targets none."""
        found: list[str | None] = Client(self.direct.origin).get("/ledger", since="0").body["request_ids"]
        return found


@contextmanager
def running_stage() -> Iterator[Stage]:
    origin = f"http://127.0.0.1:{free_port()}"
    with (
        tempfile.TemporaryDirectory(prefix="tallygate-bench-") as name,
        server("endpoint", ["benchmarks.endpoint", "--port", port_of(origin)], origin, Path(name)) as pid,
        load_generator() as load,
    ):
        yield Stage(Path(name), Target(DIRECT, origin, {"endpoint": pid}), load)


@contextmanager
def running_proxy(stage: Stage) -> Iterator[Target]:
    origin = f"http://127.0.0.1:{free_port()}"
    arguments = ["benchmarks.proxy", "--port", port_of(origin), "--upstream", stage.direct.origin]
    with server("proxy", arguments, origin, stage.folder) as pid:
        yield Target(PROXY, origin, {"proxy": pid})


def port_of(origin: str) -> str:
    return origin.rpartition(":")[2]
