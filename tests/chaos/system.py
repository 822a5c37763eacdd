"""Everything that a run needs: a stack of its own on free ports, the line to its broker, the model server, tenants."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from deploy.local.failure import LocalRunError
from deploy.local.home import Home, load_json
from deploy.local.ports import free_port, free_port_range, free_ports, is_free
from deploy.local.programs import MONITOR_PORTS_APART, monitor_name, router_name
from deploy.local.stack import Stack
from shared.events.ingress import DEFAULT_INGRESS
from tests.chaos import broker_disk, hostile, topics
from tests.chaos.broker_line import BrokerLine
from tests.chaos.clocks import Clocks
from tests.chaos.evidence import HONEST, HOSTILE, PATIENT
from tests.chaos.faults import Kind, configured_name
from tests.chaos.mix import MODELS, ChaosModel
from tests.chaos.patient import mix as patient
from tests.support.live import Api, ModelServer, admin_key, running_model_server_process

ROUTERS = 2
MONITORS = 2
ROUTER_NAMES = tuple(router_name(index) for index in range(ROUTERS))
MONITOR_NAMES = tuple(monitor_name(index) for index in range(MONITORS))
_WITH_A_CLOCK = (ROUTER_NAMES[1], MONITOR_NAMES[1])
# Few enough for a hostile tenant to take them all, if it were let.
_SLOTS_OF_A_ROUTER = 60
_SERVICES = ("gateway", "router", "monitor", "jobs")
_CHOSEN_HERE = ("TALLYGATE_", "KAFKA_", "DATABASE_", "OTEL_")
_KEPT = ("TALLYGATE_CACHE", "TALLYGATE_BROKER")


@dataclass(frozen=True)
class System:
    """environment: as an operator's shell has it, for the `tallygate` command. left_out: faults that cannot be done on
    this machine, and why not."""

    stack: Stack
    line: BrokerLine
    session: aiohttp.ClientSession
    model_server: ModelServer
    environment: dict[str, str]
    gateway_url: str
    honest: Api
    hostile: Api
    patient: Api
    clocks: Clocks
    left_out: Mapping[Kind, str]

    @property
    def database_url(self) -> str:
        return self.environment["DATABASE_URL"]

    @property
    def bootstrap_servers(self) -> str:
        return self.environment["KAFKA_BOOTSTRAP_SERVERS"]

    @property
    def broker_folder(self) -> Path:
        return self.stack.home.kafka / "data"

    def keep_logs(self) -> Path:
        """The home goes with its stack; the copy stays."""
        kept = Path(tempfile.mkdtemp(prefix="tallygate-chaos-logs-"))
        return Path(shutil.copytree(self.stack.home.logs, kept, dirs_exist_ok=True))


@asynccontextmanager
async def running_system(kinds: Collection[Kind], jobs_workers: int) -> AsyncIterator[System]:
    """kinds: of the faults that are planned. What a machine needs for them is made only then."""
    async with AsyncExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="tallygate-chaos-")))
        model_server = exits.enter_context(running_model_server_process())
        environment = _environment(jobs_workers)
        home = folder / "home"
        line = BrokerLine(int(environment["TALLYGATE_KAFKA_ADVERTISED_PORT"]), lambda: _broker_port(home))
        await line.start()
        exits.push_async_callback(line.stop)
        clocks, left_out = Clocks(folder), dict[Kind, str]()
        if "full" in kinds and (problem := _own_disk(exits, Home(home).kafka / "data")):
            left_out["full"] = problem
        if clocks.cannot_be_moved:
            left_out["clock"] = clocks.cannot_be_moved
        stack = Stack(home, environment, _SERVICES, _by_program(clocks if "clock" in kinds else None))
        exits.push_async_callback(asyncio.to_thread, stack.remove)
        running = await asyncio.to_thread(stack.up)
        await topics.prepare(stack.environment()["KAFKA_BOOTSTRAP_SERVERS"])
        await asyncio.to_thread(_restart_routers, stack)
        session = await exits.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=30))
        )
        assert running.gateway is not None
        admin = Api(session, running.gateway, admin_key(home))
        await _put_scripts(session, model_server)
        yield System(
            stack=stack,
            line=line,
            session=session,
            model_server=model_server,
            environment=environment | stack.environment(),
            gateway_url=running.gateway,
            honest=await _tenant(admin, session, HONEST, MODELS, model_server),
            hostile=await _tenant(admin, session, HOSTILE, hostile.MODELS, model_server),
            patient=await _tenant(admin, session, PATIENT, patient.MODELS, model_server),
            clocks=clocks,
            left_out=left_out,
        )


async def _tenant(
    admin: Api,
    session: aiohttp.ClientSession,
    tenant_id: str,
    models: Collection[ChaosModel],
    model_server: ModelServer,
) -> Api:
    answer = await admin.post("/api/keys", {"tenant": tenant_id})
    assert answer.status == 201, answer
    tenant = Api(session, admin.url, answer.body["key"])
    for model in models:
        await tenant.add_model(
            model.model_id, model_server.url, model.behaviour, timeout_s=model.timeout_s, provider=model.provider
        )
    return tenant


async def _put_scripts(session: aiohttp.ClientSession, model_server: ModelServer) -> None:
    for name, text in hostile.SCRIPTS.items():
        url = f"{model_server.url.removesuffix('/v1')}/scripts/{name}"
        async with session.put(url, json={"answers": [{"text": str(text)}]}) as response:
            assert response.status < 300, await response.text()


def _own_disk(exits: AsyncExitStack, folder: Path) -> str | None:
    """Why there is none."""
    if (reason := broker_disk.cannot_be_full()) is not None:
        return reason
    try:
        exits.enter_context(broker_disk.mounted(folder))
    except LocalRunError as problem:
        return str(problem)
    return None


def _by_program(clocks: Clocks | None) -> dict[str, dict[str, str]]:
    """Every router has the same configured name in each of its lives."""
    found = {name: {"TALLYGATE_ROUTER_INSTANCE": configured_name(name)} for name in ROUTER_NAMES}
    if clocks is not None:
        found |= {name: found.get(name, {}) | clocks.environment(name) for name in _WITH_A_CLOCK}
    return found


def _restart_routers(stack: Stack) -> None:
    """They would hear of new partitions within minutes only."""
    for name in ROUTER_NAMES:
        stack.stop_program(name)
        stack.start_program(name)
    for name in ROUTER_NAMES:
        stack.wait_ready(name)


def _environment(jobs_workers: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith(_CHOSEN_HERE)}
    gateway, console = free_ports(2)
    return kept | {
        "TALLYGATE_PORT": str(gateway),
        "TALLYGATE_CONSOLE_PORT": str(console),
        "TALLYGATE_MONITOR_PORT": str(_monitor_port()),
        "TALLYGATE_MONITORS": str(MONITORS),
        "TALLYGATE_ROUTER_PORT": str(free_port_range(ROUTERS + 1)),
        "TALLYGATE_ROUTERS": str(ROUTERS),
        "TALLYGATE_JOBS_PORT": str(free_port_range(jobs_workers)),
        "TALLYGATE_JOBS_WORKERS": str(jobs_workers),
        "TALLYGATE_INGRESS_TOPICS": f"{DEFAULT_INGRESS},{topics.INGRESS}={PATIENT}",
        "TALLYGATE_ROUTER_MAX_IN_FLIGHT": str(_SLOTS_OF_A_ROUTER),
        "TALLYGATE_KAFKA_ADVERTISED_PORT": str(free_port()),
    }


def _monitor_port() -> int:
    while True:
        port = free_port()
        if all(is_free(port + MONITOR_PORTS_APART * index) for index in range(1, MONITORS)):
            return port


def _broker_port(home: Path) -> int:
    return int(load_json(home / "ports.json")["kafka"])
