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
    None, b'{"specversion": "1.0", "type": "x", "data": {}}', b'{"input": {}, "inference_id": 7, "reply_topic": 7}',
    b'{"requests": []}', b'{"requests": [7]}', b'{"input": {}, "accepted_at": "0001-01-01T00:00:00Z"}',
)  # fmt: skip


_HEADERS: tuple[list[tuple[str, bytes | None]], ...] = (
    [("ce_type", b"")], [("ce_type", b"tallygate.inference.requested.v2")], [("ce_type", b"\xff" * 100_000)],
)  # fmt: skip
# What is not looked at stops nothing.
_STRANGE: list[tuple[str, bytes | None]] = [
    ("content-type", b"application/xml"), ("ce_specversion", b"9.9"), ("ce_time", b"2199-13-32"),
    ("traceparent", b"\xff"), ("x" * 1000, b"\x00" * 100_000), ("", None),
]  # fmt: skip


async def test_records_are_committed_when_all_that_follows_from_them_is_done() -> None:
    here, one = ingress_here(), new_id()
    settings = KafkaSettings.model_construct(bootstrap_servers="local", dead_letters_per_minute=1)
    broker = LocalBroker(LocalCluster(wanted_topics(INGRESS.topics)), settings=settings)
    publisher = Publisher(broker, "test")
    await publisher.start()
    good = json.dumps(asked(one)).encode()
    for body in _POISON:
        await publisher.send_raw(OWN, body, b"k", [], 0)
    for headers in _HEADERS:
        await publisher.send_raw(OWN, good, None, headers, 0)
    await publisher.send_raw(OWN, good, None, _STRANGE, 0)
    parts = replace(here.takings[OWN].parts, publisher=publisher)
    keeper = ingress_reader(parts, ingress_topic(OWN), publisher, MemoryReadOffsets(), lambda: None).keeper
    events = broker.subscribe(keeper.topics, "group", keeper.on_batch, graceful_timeout_s=1.0, batch=100)
    keeper.start(await events.start())
    place, poison = TopicPartition(OWN, 0), len(_POISON) + len(_HEADERS)
    async with asyncio.timeout(20):
        while broker.cluster.group("group").offsets.get(place) != poison + 1:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    await events.stop()
    await publisher.stop()

    assert [request.inference_id for request in here.requested] == [one]
    assert len(broker.cluster.records(f"{OWN}.dlq")) == poison
    assert not broker.stopped
