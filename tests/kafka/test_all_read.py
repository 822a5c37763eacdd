"""Whether a group has read all that lies on a topic, as a gateway asks before it calls a result lost."""

import asyncio

import psutil
import pytest

from shared.kafka.offsets import all_read
from tests.kafka.bench import Bench, RealPlace, new_name, on_both, places, until

_SOON_S, _LONG_S = 0.5, 60.0


@on_both
async def test_all_is_read_when_the_group_has_committed_up_to_every_end(bench: Bench) -> None:
    topic, group = await bench.topic(2), new_name("group")
    first, second = places(topic)
    await bench.publish(topic, b"0", b"1")
    await bench.publish(topic, b"0", partition=1)
    reader = await bench.reader([first, second], group=group)

    await reader.commit({first: 2})
    assert not await all_read(bench.broker, group, topic.name, _SOON_S), "of the other one nothing is committed"
    await reader.commit({second: 1})
    assert await all_read(bench.broker, group, topic.name, _LONG_S)
    assert not await all_read(bench.broker, new_name("group"), topic.name, _SOON_S)

    await bench.publish(topic, b"2")
    assert not await all_read(bench.broker, group, topic.name, _SOON_S), "it has stopped before the newest"
    asking = asyncio.create_task(all_read(bench.broker, group, topic.name, _LONG_S))
    await reader.commit({first: 3})
    assert await asking, "it is waited for"


@on_both
async def test_nobody_says_that_all_is_read_of_what_the_broker_cannot_tell(bench: Bench) -> None:
    group = new_name("group")
    assert not await all_read(bench.broker, group, new_name("missing"), _LONG_S)
    assert not await all_read(bench.away(), group, "topic", _LONG_S)
    silent = await bench.silent()
    assert not await all_read(silent.broker, group, "topic", _SOON_S)
    await until(lambda: silent.open() == 0)


@pytest.mark.real_kafka
def test_whoever_has_asked_leaves_no_connection_open(kafka_servers: str) -> None:
    port = int(kafka_servers.rpartition(":")[2])

    def connections() -> int:
        ours = psutil.Process().net_connections("tcp")
        return sum(bool(one.raddr) and one.raddr.port == port and one.status == psutil.CONN_ESTABLISHED for one in ours)

    async def scenario(bench: Bench) -> None:
        topic = await bench.topic()
        await until(lambda: connections() == 0)
        assert await all_read(bench.broker, new_name("group"), topic.name, _LONG_S)
        await until(lambda: connections() == 0)

    RealPlace(kafka_servers).run(scenario)
