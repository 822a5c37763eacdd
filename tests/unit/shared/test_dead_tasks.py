"""A task that has died alone is told where operators look."""

import asyncio
import json
from typing import Any

import pytest
from starlette.applications import Starlette

from shared.background import Background, dead_tasks
from shared.events import Event
from shared.events.topics import HEARTBEATS
from shared.kafka.follow import Follower
from shared.kafka.local import Fault, Fetch, LocalBroker, LocalCluster, Operation
from shared.telemetry.health import health_routes
from tests.support.virtual_time import virtually


async def _fails() -> None:
    raise RuntimeError


async def _asked(path: str) -> tuple[int, dict[str, object]]:
    app = Starlette(routes=health_routes("monitor"))
    app.state.checks = {}
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"", "root_path": ""}
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


async def test_a_service_with_a_dead_task_is_not_ready_and_names_it() -> None:
    assert (await _asked("/readyz"))[0] == 200
    dies = Background("follow heartbeats", _fails)
    await dies.start()
    await asyncio.sleep(0)
    status, told = await _asked("/readyz")
    assert status == 503
    assert "follow heartbeats" in str(told["reasons"])
    assert (await _asked("/healthz")) == (200, {"status": "alive", "dead_tasks": ["follow heartbeats"]})
    await dies.stop()
    assert (await _asked("/healthz")) == (200, {"status": "alive"})


async def test_what_ends_as_it_should_or_runs_is_not_dead() -> None:
    runs, ends = Background("runs", asyncio.Event().wait), Background("ends", lambda: asyncio.sleep(0))  # type: ignore[arg-type]
    for one in (runs, ends):
        await one.start()
    await asyncio.sleep(0.01)
    assert dead_tasks() == []
    for one in (runs, ends):
        await one.stop()
    assert dead_tasks() == []


@virtually
async def test_a_reader_of_heartbeats_goes_on_after_an_error_that_nobody_foresaw(
    capsys: pytest.CaptureFixture[str],
) -> None:
    failing, heard = [True], list[Event]()

    def faults(operation: Operation) -> Fault | None:
        if isinstance(operation, Fetch) and failing[0]:
            failing[0] = False
            raise RuntimeError
        return None

    broker = LocalBroker(LocalCluster(faults=faults))
    follower = Follower(broker, {HEARTBEATS: heard.append})
    await follower.start()
    await (await broker.producer().send(HEARTBEATS.name, b"garbage"))
    await asyncio.sleep(5)
    assert not failing[0]
    assert dead_tasks() == []
    assert "follow.unreadable" in capsys.readouterr().out
    await follower.stop()
