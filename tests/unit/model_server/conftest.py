from collections.abc import AsyncIterator

import aiohttp
import pytest_asyncio

from deploy.model_server import RunningModelServer, running_model_server
from tests.unit.model_server.client import Client


@pytest_asyncio.fixture
async def server() -> AsyncIterator[RunningModelServer]:
    async with running_model_server() as running:
        yield running


@pytest_asyncio.fixture
async def client(server: RunningModelServer) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(session, server)
