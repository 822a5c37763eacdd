"""The one stack that integration and acceptance tests share."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.support.live import (
    Api,
    Live,
    ModelServer,
    admin_key,
    running_model_server_process,
    stack_environment,
)
from tests.support.otlp import OtlpReceiver, running_otlp_receiver

# Tests wait for both. A router that stops may not hand back calls which it could have finished: they last 0.3 s.
_QUICK = {"TALLYGATE_ROUTER_DRAIN_S": "3", "TALLYGATE_ROUTER_CONNECT_TIMEOUT_S": "2"}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "last: runs when all other tests have run")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


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
    stack = Stack(home, environment)
    stack.up()
    try:
        yield stack, environment | stack.environment()
    finally:
        stack.remove()


@pytest_asyncio.fixture(scope="session")
async def stack(
    running_stack: tuple[Stack, dict[str, str]], model_server: ModelServer, otlp: OtlpReceiver
) -> AsyncIterator[Live]:
    local, environment = running_stack
    running = local.running()
    assert running.gateway is not None
    assert running.monitor is not None
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield Live(
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


@pytest_asyncio.fixture
async def tenant(stack: Live) -> Api:
    return await stack.new_tenant()
