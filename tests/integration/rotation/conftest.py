"""One broker and one database for all tests of the rotation, and services that seal with k1 and know k2."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from shared.db.pool import Connection
from tests.support.live import Live, ModelServer
from tests.support.otlp import OtlpReceiver
from tests.support.own_stack import RestartableServices, restartable_services
from tests.support.rotation import OLD_FIRST


@pytest_asyncio.fixture(scope="package")
async def services(
    tmp_path_factory: pytest.TempPathFactory, model_server: ModelServer, otlp: OtlpReceiver
) -> AsyncIterator[RestartableServices]:
    async with restartable_services(tmp_path_factory.mktemp("rotation"), model_server, otlp) as made:
        yield made


@pytest_asyncio.fixture
async def own(services: RestartableServices) -> Live:
    """Whichever test ran before, and with which keys it left the services."""
    return await services.running_with({"TALLYGATE_KEYS": OLD_FIRST})


@pytest_asyncio.fixture
async def database(own: Live) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(own.environment["DATABASE_URL"])
    try:
        yield connection
    finally:
        await connection.close()
