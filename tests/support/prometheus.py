"""A real Prometheus, and promtool: Debian's, which `make test` has unpacked where the machine has none."""

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from deploy.local.ports import free_ports

RULES = Path(__file__).parents[2] / "deploy" / "prometheus"
_UNPACKED = Path(sys.prefix) / "prometheus" / "usr" / "bin"
_READY_S = 60.0


def found(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=str(_UNPACKED))


needs_prometheus = pytest.mark.skipif(
    found("prometheus") is None or found("promtool") is None,
    reason="there is no Prometheus here; get it with: make prometheus",
)


def promtool(*arguments: str) -> str:
    """What it says. Fails the test when it finds fault."""
    program = found("promtool")
    assert program is not None
    done = subprocess.run((program, *arguments), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass
class Prometheus:
    url: str
    session: aiohttp.ClientSession

    async def ask(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer of its API."""
        async with self.session.get(f"{self.url}/api/v1/{path}", params=parameters) as response:
            answer = await response.json()
            assert answer["status"] == "success", (path, parameters, answer)
            return answer["data"]

    async def query(self, expr: str) -> list[float]:
        """The values of all series that it finds now."""
        return [float(one["value"][1]) for one in (await self.ask("query", query=expr))["result"]]


@asynccontextmanager
async def scraping(
    folder: Path, targets: Mapping[str, str], session: aiohttp.ClientSession
) -> AsyncIterator[Prometheus]:
    """As deploy/prometheus configures it, but for where it finds each job, and that it looks every second."""
    config = yaml.safe_load((RULES / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(RULES / name) for name in config["rule_files"]]
    config["scrape_configs"] = [
        {"job_name": job["job_name"], "static_configs": [{"targets": [targets[job["job_name"]]]}]}
        for job in config["scrape_configs"]
        if job["job_name"] in targets
    ]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (port,) = free_ports(1)
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            found("prometheus") or "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=exemplar-storage",
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            prometheus = Prometheus(f"http://127.0.0.1:{port}", session)
            await _until_ready(prometheus)
            yield prometheus
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), 30)


async def _until_ready(prometheus: Prometheus) -> None:
    until = time.monotonic() + _READY_S
    while True:
        try:
            async with prometheus.session.get(f"{prometheus.url}/-/ready") as response:
                if response.status == 200:
                    return
        except aiohttp.ClientConnectionError:
            pass
        assert time.monotonic() < until, "Prometheus is not ready; its log lies in the folder of its test"
        await asyncio.sleep(0.1)
