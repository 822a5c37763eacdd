"""A router that can read nothing stops before it drains its topic, and so does the one that is started in its place."""

import asyncio
from typing import Any

from aiokafka import TopicPartition
from structlog.testing import capture_logs

from services.router.intake import Intake
from services.router.room import RoomLimits
from shared.events.topics import REQUESTS
from shared.kafka.local import LocalBroker
from shared.kafka.publisher import Publisher
from shared.kafka.settings import KafkaSettings
from tests.support.claims import claims_of
from tests.support.virtual_time import run_virtually
from tests.unit.router.values import beating

_RECORDS, _MOST = 10, 3
_SETTINGS = KafkaSettings.model_construct(bootstrap_servers="local", dead_letters_per_minute=_MOST)
_NOTHING: Any = None  # neither models nor the database are asked of what cannot be read


async def router_until_it_stops(broker: LocalBroker, *garbage: bytes) -> list[str]:
    """The errors that it logs. garbage: what is on the topic before it starts."""
    publisher, stopped = Publisher(broker, "router"), asyncio.Event()
    await publisher.start()
    for value in garbage:
        await publisher.send_raw(REQUESTS.name, value, b"key", [], 0)
    intake = Intake(_NOTHING, _NOTHING, _NOTHING, _NOTHING, _NOTHING)
    claims = claims_of(intake, _NOTHING, publisher, RoomLimits(), beating(), stop=stopped.set)
    requests = broker.subscribe((REQUESTS,), "router", claims.take, graceful_timeout_s=1.0, listener=claims)
    with capture_logs() as logs:
        claims.start(await requests.start())
        await asyncio.wait_for(stopped.wait(), 10.0)
        await claims.stop_taking()
        await requests.stop()
    return [entry["event"] for entry in logs if entry["log_level"] == "error"]


def test_a_router_that_can_read_nothing_stops_and_its_restart_does_not_go_on() -> None:
    broker = LocalBroker(settings=_SETTINGS)

    async def twice() -> list[list[str]]:
        first = await router_until_it_stops(broker, *[b"garbage"] * _RECORDS)
        return [first, await router_until_it_stops(broker)]

    logged = run_virtually(twice())

    assert logged == [["dead_letters.limit_reached"]] * 2
    assert len(broker.cluster.records(REQUESTS.dlq)) == _MOST
    assert broker.cluster.group("router").offsets[TopicPartition(REQUESTS.name, 0)] == _MOST
