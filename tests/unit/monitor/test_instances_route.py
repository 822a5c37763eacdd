"""GET /api/instances: the routers that were heard, what waits, and what could not be handled."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette

from services.monitor.app import make_app
from services.monitor.books.lag import Lag
from services.monitor.instances import Instances
from services.monitor.recovery.liveness import SeenRouter
from services.monitor.recovery.offsets import Offsets
from services.monitor.recovery.store import Redelivered
from services.monitor.settings import MonitorSettings
from shared.access import Caller
from shared.access.caller import Scope
from shared.events.topics import ATTEMPTS, REQUESTS
from shared.kafka.dead_letters.sending import send_to_dlq
from shared.kafka.local import LocalBroker
from shared.kafka.publisher import Outgoing, Publisher
from tests.support.gateway_app import NOW, KnownKey, told
from tests.unit.shared.events.samples import INFERENCE, requested
from tests.unit.shared.kafka.records import record

ROUTER = SeenRouter("r1", "silent", 3, NOW, NOW + timedelta(seconds=5), 12.34)


class Recovery:
    """A router was lost a moment ago, with two inferences."""

    orphans_open = 1

    def routers(self) -> list[SeenRouter]:
        return [ROUTER]

    async def redelivered(self, since: datetime, most: int) -> list[Redelivered]:
        return [Redelivered(INFERENCE, 2, "r0", since, since, "acme", "completed")][:most]


async def monitor(broker: LocalBroker, scope: Scope) -> Starlette:
    offsets, keys = Offsets(broker, "routers", "monitors"), KnownKey(Caller("acme", "k", frozenset({scope})))
    await offsets.start()
    app = make_app(MonitorSettings())
    app.state.instances = Instances("m1", keys, Lag(), offsets, Recovery())
    return app


async def test_an_operator_is_told_who_is_at_work_and_what_waits() -> None:
    broker = LocalBroker()
    publisher = Publisher(broker, "test")
    await publisher.start()
    await publisher.publish(Outgoing(REQUESTS, requested()))
    await send_to_dlq(publisher, record(ATTEMPTS.name), "invalid_request", "why")

    body: Any = (await told(await monitor(broker, "admin"), "GET", "/api/instances")).body

    assert body["routers"] == [
        {
            "router_id": "r1",
            "state": "silent",
            "in_flight": 3,
            "started_at": NOW.isoformat(),
            "beat_at": (NOW + timedelta(seconds=5)).isoformat(),
            "silent_s": 12.3,
        }
    ]
    assert (body["requests_waiting"], body["monitor"]) == (1, "m1")
    assert body["orphans"]["waiting"] == 1
    [again] = body["orphans"]["redelivered"]
    assert (again["inference_id"], again["lost_by"], again["settlement"]) == (str(INFERENCE), "r0", "completed")
    counted = {letters["topic"]: (letters["kept"], letters["last_day"]) for letters in body["dead_letters"]}
    assert counted.pop(ATTEMPTS.name) == (1, 1)
    assert set(counted.values()) == {(0, 0)}


@pytest.mark.parametrize("scope", ["monitor", "inference", "models"])
async def test_it_tells_of_all_tenants_so_only_operators_are_told(scope: Scope) -> None:
    answer = await told(await monitor(LocalBroker(), scope), "GET", "/api/instances")

    assert answer.status == 403
