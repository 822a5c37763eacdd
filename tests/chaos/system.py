"""Everything that a run needs: a stack of its own on free ports, the line to its broker, the model server, a tenant."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from deploy.local.home import load_json
from deploy.local.ports import free_port, free_port_range, free_ports, is_free
from deploy.local.programs import MONITOR_PORTS_APART
from deploy.local.stack import Stack
from tests.chaos.broker_line import BrokerLine
from tests.chaos.mix import MODELS
from tests.chaos.on_record import stamp_when_appended
from tests.support.live import Api, ModelServer, admin_key, running_model_server_process

ROUTERS = 2
MONITORS = 2
_SERVICES = ("gateway", "router", "monitor")
_CHOSEN_HERE = ("TALLYGATE_", "KAFKA_", "DATABASE_", "OTEL_")
_KEPT = ("TALLYGATE_CACHE", "TALLYGATE_BROKER")


@dataclass(frozen=True)
class System:
    """environment: as an operator's shell has it, for the `tallygate` command."""

    stack: Stack
    line: BrokerLine
    session: aiohttp.ClientSession
    model_server: ModelServer
    environment: dict[str, str]
    gateway_url: str
    tenant: Api

    @property
    def database_url(self) -> str:
        return self.environment["DATABASE_URL"]

    @property
    def bootstrap_servers(self) -> str:
        return self.environment["KAFKA_BOOTSTRAP_SERVERS"]

    def keep_logs(self) -> Path:
        """The home goes with its stack; the copy stays."""
        kept = Path(tempfile.mkdtemp(prefix="tallygate-chaos-logs-"))
        return Path(shutil.copytree(self.stack.home.logs, kept, dirs_exist_ok=True))


@asynccontextmanager
async def running_system() -> AsyncIterator[System]:
    async with AsyncExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="tallygate-chaos-")))
        model_server = exits.enter_context(running_model_server_process())
        environment = _environment()
        home = folder / "home"
        line = BrokerLine(int(environment["TALLYGATE_KAFKA_ADVERTISED_PORT"]), lambda: _broker_port(home))
        await line.start()
        exits.push_async_callback(line.stop)
        stack = Stack(home, environment, _SERVICES)
        exits.push_async_callback(asyncio.to_thread, stack.remove)
        running = await asyncio.to_thread(stack.up)
        session = await exits.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=30))
        )
        assert running.gateway is not None
        admin = Api(session, running.gateway, admin_key(home))
        await stamp_when_appended(stack.environment()["KAFKA_BOOTSTRAP_SERVERS"])
        yield System(
            stack=stack,
            line=line,
            session=session,
            model_server=model_server,
            environment=environment | stack.environment(),
            gateway_url=running.gateway,
            tenant=await _tenant(admin, session, model_server),
        )


async def _tenant(admin: Api, session: aiohttp.ClientSession, model_server: ModelServer) -> Api:
    answer = await admin.post("/api/keys", {"tenant": "chaos"})
    assert answer.status == 201, answer
    tenant = Api(session, admin.url, answer.body["key"])
    for model in MODELS:
        await tenant.add_model(model.model_id, model_server.url, model.behaviour, timeout_s=model.timeout_s)
    return tenant


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith(_CHOSEN_HERE)}
    gateway, console = free_ports(2)
    return kept | {
        "TALLYGATE_PORT": str(gateway),
        "TALLYGATE_CONSOLE_PORT": str(console),
        "TALLYGATE_MONITOR_PORT": str(_monitor_port()),
        "TALLYGATE_MONITORS": str(MONITORS),
        "TALLYGATE_ROUTER_PORT": str(free_port_range(ROUTERS + 1)),
        "TALLYGATE_ROUTERS": str(ROUTERS),
        "TALLYGATE_KAFKA_ADVERTISED_PORT": str(free_port()),
    }


def _monitor_port() -> int:
    while True:
        port = free_port()
        if all(is_free(port + MONITOR_PORTS_APART * index) for index in range(1, MONITORS)):
            return port


def _broker_port(home: Path) -> int:
    return int(load_json(home / "ports.json")["kafka"])
