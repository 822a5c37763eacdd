"""The one stack that integration and acceptance tests share, and the order in which files of tests are run.

With `-n 3`, as `make test` runs them, each of two workers has a stack of its own for the files that come to it, and the
third one calculates while they wait.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from deploy.local.stack import Stack
from tests.support import planted
from tests.support.console import ConsoleProcess
from tests.support.live import (
    Api,
    Live,
    ModelServer,
    admin_key,
    running_model_server_process,
    stack_environment,
)
from tests.support.otlp import OtlpReceiver, running_otlp_receiver
from tests.support.own_stack import WITHOUT_CONSOLE, discard

# How properties are checked: without a time limit for one example, which a busy machine would break, and with the same
# examples in each run, so that what fails is what was changed.
settings.register_profile("tallygate", deadline=None, derandomize=True)
settings.load_profile("tallygate")

# Tests wait for these. A router that stops may not hand back calls which it could have finished: they last 0.3 s. Bulk
# is not held back beside what other tests ask.
_QUICK = {
    "TALLYGATE_ROUTER_BULK_PER_S": "0",
    "TALLYGATE_ROUTER_DRAIN_S": "3",
    "TALLYGATE_ROUTER_CONNECT_TIMEOUT_S": "2",
    "TALLYGATE_JOBS_WEBHOOK_TIMEOUT_S": "1",
    "TALLYGATE_JOBS_LEASE_S": "3",
    "TALLYGATE_INGRESS_TOPICS": "inference.requests.v1=*,upstream.requests=upstream,shared.requests=*",
}


_SPANS_ARE_SENT_WITHIN_S = 0.5

# Files that share a stack of their own go to the same worker.
_TOGETHER_BELOW = {
    "tests/integration/configured": "configured",
    "tests/integration/rotation": "rotation",
    "tests/kafka": "kafka",
    "tests/stores": "stores",
}

# The most costly first, so that at the end both workers have something left to do.
_FIRST = (
    "tests/acceptance/test_chaos_short.py",
    "tests/integration/configured/",
    "tests/integration/rotation/",
    "tests/browser/",
    "tests/acceptance/test_features.py",
    "tests/integration/test_recovery.py",
    "tests/integration/test_killed_on_page.py",
    "tests/integration/test_health_and_spending.py",
    "tests/integration/test_admission.py",
    "tests/integration/",
    "tests/acceptance/",
    "tests/kafka/",
    "tests/histories/",
    "tests/stores/",
    "tests/unit/test_patterns.py",
    "tests/unit/features/",
    "tests/unit/gateway/test_hostile_requests.py",
    "tests/unit/hostile/",
)

# These start no broker, no database and no service; of tests/kafka and tests/stores, the half that does not goes with
# the other one.
_ONLY_CALCULATED = ("tests/unit/", "tests/contract/", "tests/fuzz/", "tests/histories/")
_WORKERS_WITH_STACKS = 2
_CALCULATOR_IS_NICER_BY = 5  # its CPU is what the others leave: they wait for services with time limits


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", action="store_true", help="Take the pictures of the console.")
    parser.addoption("--screenshots-into", metavar="FOLDER", help="Where they go; otherwise into docs/images.")


def pytest_configure(config: pytest.Config) -> None:
    """Its processes get the width of the terminal from xdist; commands under test are to see a pipe's."""
    os.environ.pop("COLUMNS", None)
    worker = getattr(config, "workerinput", None)
    if worker is not None and _only_calculates(worker["workerid"]):
        os.nice(_CALCULATOR_IS_NICER_BY)


def _only_calculates(worker_id: str) -> bool:
    return int(worker_id.removeprefix("gw")) == _WORKERS_WITH_STACKS


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Tests of one file run in one worker, one after the other, as they share what they have started. A third worker
    gets those only that start nothing."""

    def _assign_work_unit(self, node: Any) -> None:
        if _only_calculates(node.gateway.id):
            scope = self._next_calculated()
            if scope is None:
                return
            self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node: Any) -> None:
        if _only_calculates(node.gateway.id) and self._next_calculated() is None and not node.shutting_down:
            node.shutdown()
        else:
            super()._reschedule(node)

    def _next_calculated(self) -> str | None:
        return next((scope for scope in self.workqueue if scope.startswith(_ONLY_CALCULATED)), None)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith("tests/histories/"):
            return nodeid  # these start nothing
        below = (group for folder, group in _TOGETHER_BELOW.items() if file.startswith(folder))
        return next(below, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    config.option.loadscopereorder = False  # by the number of tests, which says nothing of their cost
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((at for at, of in enumerate(_FIRST) if item.nodeid.startswith(of)), len(_FIRST)))


@pytest.fixture(scope="session")
def model_server() -> Iterator[ModelServer]:
    with running_model_server_process() as server:
        yield server


@pytest.fixture(scope="session")
def otlp() -> Iterator[OtlpReceiver]:
    with running_otlp_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def running_stack(
    tmp_path_factory: pytest.TempPathFactory, otlp: OtlpReceiver
) -> Iterator[tuple[Stack, dict[str, str]]]:
    environment = stack_environment(dict(os.environ), otlp.endpoint) | _QUICK
    home: Path = tmp_path_factory.mktemp("tallygate")
    stack = Stack(home, environment, WITHOUT_CONSOLE)
    stack.up()
    try:
        yield stack, environment | stack.environment()
    finally:
        discard(stack)


@pytest_asyncio.fixture(scope="session")
async def stack(
    running_stack: tuple[Stack, dict[str, str]], model_server: ModelServer, otlp: OtlpReceiver
) -> AsyncIterator[Live]:
    local, environment = running_stack
    running = local.running()
    assert running.gateway is not None
    assert running.monitor is not None
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        live = Live(
            local,
            session,
            running.gateway,
            running.monitor,
            admin_key(local.home.path),
            model_server,
            otlp,
            environment,
            planting=True,
        )
        yield live
        await asyncio.sleep(_SPANS_ARE_SENT_WITHIN_S)
        assert await planted.leaks(live) == [], "the tests of this session have left something in the clear"


@pytest_asyncio.fixture(scope="session")
async def console(stack: Live) -> AsyncIterator[ConsoleProcess]:
    """A console of the session's stack, which most tests have no need of."""
    process = ConsoleProcess(stack.environment, stack.stack.home.log("console"))
    try:
        await process.start()
        yield process
    finally:
        await process.stop()


@pytest.fixture(scope="session")
def console_url(console: ConsoleProcess) -> str:
    return console.url


@pytest_asyncio.fixture
async def tenant(stack: Live) -> Api:
    return await stack.new_tenant()
