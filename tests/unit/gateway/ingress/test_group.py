"""An ingress topic from the broker in memory to its commit: whatever lies on it, what comes after is reached."""

import asyncio
import json
from dataclasses import replace

from aiokafka import TopicPartition

from services.gateway.handlers import ingress_reader
from shared.events import new_id
from shared.events.ingress import ingress_topic
from shared.events.topics import wanted_topics
from shared.kafka.local import LocalBroker, LocalCluster
from shared.kafka.publisher import Publisher
from shared.kafka.settings import KafkaSettings
from tests.support.memory.read_offsets import MemoryReadOffsets
from tests.unit.gateway.ingress.here import INGRESS, OWN, asked, ingress_here

_POISON = (
    b"", b"[]", b"\xff", b"{}", b'{"input": ' * 2000, b'{"input": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}",
    b'{"requests": []}', b'{"requests": [7]}', b'{"input": {}, "accepted_at": "0001-01-01T00:00:00Z"}',
)  # fmt: skip


async def test_records_are_committed_when_all_that_follows_from_them_is_done() -> None:
    here, one = ingress_here(), new_id()
    settings = KafkaSettings.model_construct(bootstrap_servers="local", dead_letters_per_minute=1)
    broker = LocalBroker(LocalCluster(wanted_topics(INGRESS.topics)), settings=settings)
    publisher = Publisher(broker, "test")
    await publisher.start()
    for body in (*_POISON, json.dumps(asked(one)).encode()):
        await publisher.send_raw(OWN, body, None, [], 0)
    parts = replace(here.takings[OWN].parts, publisher=publisher)
    keeper = ingress_reader(parts, ingress_topic(OWN), publisher, MemoryReadOffsets(), lambda: None).keeper
    events = broker.subscribe(keeper.topics, "group", keeper.on_batch, graceful_timeout_s=1.0, batch=100)
    keeper.start(await events.start())
    place = TopicPartition(OWN, 0)
    async with asyncio.timeout(20):
        while broker.cluster.group("group").offsets.get(place) != len(_POISON) + 1:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    await events.stop()
    await publisher.stop()

    assert [request.inference_id for request in here.requested] == [one]
    assert len(broker.cluster.records(f"{OWN}.dlq")) == len(_POISON)
    assert not broker.stopped
