"""A whole Tallygate for tests: real Kafka, real PostgreSQL, services as processes, and a model server with a ledger."""

import asyncio
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from deploy.local.ports import free_port_range, free_ports
from deploy.local.readiness import http_not_ready
from deploy.local.stack import Stack
from deploy.local.waiting import wait_until
from shared.client import Answer
from shared.client.async_client import AsyncClient
from shared.client.requests import CHAT, CUSTOM_MODELS, FILES, KEYS, MONITORING, chat_body, model_body
from tests.support import planted
from tests.support.command import run_here
from tests.support.forms import KIND as FORM
from tests.support.forms import file, form, purpose
from tests.support.otlp import OtlpReceiver
from tests.support.streaming import StreamCaller

SETTLE_S = 60.0
_GATEWAY_READY_S = 60.0


@dataclass
class ModelServer:
    """`url` ends in /v1."""

    url: str

    @property
    def address(self) -> str:
        return self.url.removeprefix("http://").removesuffix("/v1")

    async def ledger(self, *, entries: bool = True) -> dict[str, Any]:
        url = self.url.removesuffix("/v1") + ("/ledger" if entries else "/ledger?entries=false")
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            ledger: dict[str, Any] = await response.json()
            return ledger

    async def until_come(self, behaviour: str, calls: int) -> None:
        """Until so many calls of the behaviour have come, of all tests together."""
        async with asyncio.timeout(SETTLE_S):
            while await self.come(behaviour) < calls:  # noqa: ASYNC110 - another process counts them
                await asyncio.sleep(0.05)

    async def come(self, behaviour: str) -> int:
        """How many calls of the behaviour have come, of all tests together."""
        return int((await self.ledger(entries=False))["by_behaviour"].get(behaviour, 0))

    async def entries_of(self, request_ids: set[str]) -> dict[str, dict[str, Any]]:
        """What the ledger says of the calls that carried one of these attempt ids, by that id."""
        entries = (await self.ledger())["entries"]
        return {entry["request_id"]: entry for entry in entries if entry["request_id"] in request_ids}

    async def calls_of(self, request_ids: set[str]) -> Counter[str]:
        """By behaviour, the calls that carried one of these attempt ids."""
        entries = (await self.ledger())["entries"]
        return Counter(one["behaviour"] for one in entries if one["request_id"] in request_ids)


class Api:
    """The gateway, called with one key. planting: the models that it adds have planted secrets where none are given."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str | None, *, planting: bool = False) -> None:
        self.url = url
        self.key = key
        self.planting = planting
        self._client = AsyncClient(session, url, key)
        self.stream = StreamCaller(session, url, key)

    async def call(self, method: str, path: str, body: object = None, **more: Any) -> Answer:
        answer = await self._client.send(method, path, body, **more)
        planted.check_answer(method, path, answer.status, f"{answer.headers}\n{answer.text}")
        return answer

    async def post(self, path: str, body: object, **more: Any) -> Answer:
        return await self.call("POST", path, body, **more)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.call("GET", path, **more)

    async def chat(self, model: str | None, text: str = planted.PROMPT, **more: Any) -> Answer:
        headers = more.pop("headers", None)
        return await self.post(CHAT, chat_body(model, text, **more), headers=headers)

    async def add_model(self, model_id: str, endpoint_url: str, behaviour: str = "demo", **more: Any) -> str:
        """Registers an OpenAI-compatible model; returns its id."""
        body = model_body(model_id, endpoint_url, config={"model": behaviour})
        if self.planting:
            body |= {"api_key": planted.KEY, "headers": planted.HEADERS}
        body |= more
        answer = await self.post(CUSTOM_MODELS, body)
        assert answer.status == 201, answer
        return str(answer.body["id"])

    async def add_file(self, data: bytes, name: str = "requests.jsonl") -> str:
        """Uploads a file of the purpose `batch`; returns its id."""
        sent = form(purpose(), file(data, name))
        answer = await self.call("POST", FILES, raw=sent, headers={"content-type": FORM})
        assert answer.status == 200, answer
        return str(answer.body["id"])

    async def settled(self, inference_id: str) -> dict[str, Any]:
        """The timeline, once the books say how it ended."""
        deadline = asyncio.get_running_loop().time() + SETTLE_S
        while True:
            answer = await self.get(f"/api/inferences/{inference_id}")
            if answer.status == 200 and answer.body["settled_at"] is not None:
                found: dict[str, Any] = answer.body
                return found
            assert asyncio.get_running_loop().time() < deadline, answer
            await asyncio.sleep(0.05)

    async def monitoring(self, *, total: int, query: str = "window=1h") -> dict[str, Any]:
        """The summary, once it counts `total` requests."""
        deadline = asyncio.get_running_loop().time() + SETTLE_S
        while True:
            answer = await self.get(f"{MONITORING}?{query}")
            assert answer.status == 200, answer
            if answer.body["requests"]["total"] >= total and answer.body["attempts"]["open"] == 0:
                # Asked once more: the parts of an answer are read beside each other, and one may be older than this.
                found: dict[str, Any] = (await self.get(f"{MONITORING}?{query}")).body
                return found
            assert asyncio.get_running_loop().time() < deadline, answer.body
            await asyncio.sleep(0.05)


@dataclass
class Live:
    stack: Stack
    session: aiohttp.ClientSession
    gateway_url: str
    monitor_url: str
    admin_key: str
    model_server: ModelServer
    otlp: OtlpReceiver
    environment: dict[str, str]
    planting: bool = False

    @property
    def model_server_url(self) -> str:
        return self.model_server.url

    @asynccontextmanager
    async def another_gateway(self, **settings: str) -> AsyncIterator["Live"]:
        """A second gateway of the same stack, in a process of its own, configured otherwise; with its callers' eyes."""
        (port,) = free_ports(1)
        url = f"http://127.0.0.1:{port}"
        environment = self.environment | {"TALLYGATE_PORT": str(port), "TALLYGATE_GATEWAY_URL": url} | settings
        with self.stack.home.log("another-gateway").open("ab") as log:
            command = (sys.executable, "-m", "services", "serve", "gateway")
            process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)
            try:
                await asyncio.to_thread(wait_until, lambda: http_not_ready(f"{url}/readyz"), _GATEWAY_READY_S)
                yield replace(self, gateway_url=url, environment=environment)
            finally:
                process.terminate()
                await asyncio.wait_for(process.wait(), 30)

    def api(self, key: str | None) -> Api:
        return Api(self.session, self.gateway_url, key, planting=self.planting)

    @property
    def admin(self) -> Api:
        return self.api(self.admin_key)

    async def new_tenant(self) -> Api:
        """A tenant of its own for a test, so that counts are its own too."""
        answer = await self.admin.post(KEYS, {"tenant": f"t-{uuid.uuid4().hex[:12]}"})
        assert answer.status == 201, answer
        return self.api(answer.body["key"])

    async def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The tallygate command, as an operator runs it; check: it must succeed."""
        return self._checked(await asyncio.to_thread(run_here, arguments, self.environment), check)

    async def process(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The same in a process of its own."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "services", *arguments],
            env=self.environment, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        return self._checked(done, check)

    @staticmethod
    def _checked(done: subprocess.CompletedProcess[str], check: bool) -> subprocess.CompletedProcess[str]:
        assert not check or done.returncode == 0, done.stdout + done.stderr
        assert planted.SECRET not in done.stdout + done.stderr, done.args
        return done


def stack_environment(environ: dict[str, str], otlp_endpoint: str) -> dict[str, str]:
    """Free ports and an OTLP receiver; nothing of the developer's own Tallygate leaks in."""
    gateway, monitor, console, features, jobs = free_ports(5)
    kept = {name: value for name, value in environ.items() if not name.startswith(("TALLYGATE_", "KAFKA_", "OTEL_"))}
    for name in ("DATABASE_URL", "COLUMNS"):  # commands print for a pipe, whatever terminal the tests run in
        kept.pop(name, None)
    given = {name: environ[name] for name in ("TALLYGATE_CACHE", "TALLYGATE_BROKER") if name in environ}
    return kept | given | {
        "TALLYGATE_PORT": str(gateway),
        "TALLYGATE_MONITOR_PORT": str(monitor),
        "TALLYGATE_CONSOLE_PORT": str(console),
        "TALLYGATE_ROUTER_PORT": str(free_port_range(5)),
        "TALLYGATE_FEATURES_PORT": str(features),
        "TALLYGATE_JOBS_PORT": str(jobs),
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }  # fmt: skip


@contextmanager
def running_model_server_process() -> Iterator[ModelServer]:
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.model_server", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        word, _, url = process.stdout.readline().strip().partition(" ")
        assert word == "ready"
        yield ModelServer(url)
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


def admin_key(home: Path) -> str:
    return (home / "admin.key").read_text().strip()
