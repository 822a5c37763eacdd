"""Each test runs on the broker in memory, and with the mark `real_kafka` on the real one that tests share."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from deploy.local.stack import Stack
from tests.kafka.bench import LocalPlace, Place, RealPlace


@pytest.fixture(scope="session")
def kafka_servers(running_stack: tuple[Stack, dict[str, str]]) -> str:
    _, environment = running_stack
    return environment["KAFKA_BOOTSTRAP_SERVERS"]


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    """Tracebacks of the failures that tests cause would be rendered at length, for nobody."""
    with capture_logs():
        yield


@pytest.fixture(params=["local", pytest.param("real", marks=pytest.mark.real_kafka)])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "local":
        return LocalPlace()
    return RealPlace(request.getfixturevalue("kafka_servers"))
