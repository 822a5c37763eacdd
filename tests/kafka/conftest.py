"""Each test runs on the broker in memory, and with the mark `real_kafka` on a real one that is started for them."""

import os
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from deploy.local.stack import Stack
from tests.kafka.bench import LocalPlace, Place, RealPlace
from tests.support.live import stack_environment


@pytest.fixture(scope="session")
def kafka_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    stack = Stack(tmp_path_factory.mktemp("kafka"), stack_environment(dict(os.environ), otlp_endpoint=""), services=[])
    stack.up()
    try:
        yield stack.environment()["KAFKA_BOOTSTRAP_SERVERS"]
    finally:
        stack.remove()


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
