"""Publishes as a service in another language may: records that our own client would refuse to make."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.structs import TopicPartition

from tests.chaos.evidence import Place, Sent
from tests.chaos.patient.odd_records import odd_submissions
from tests.chaos.upstream_records import UpstreamRecord, good_request, odd_records
from tests.support.raw_records import batch_of

_EVERY_S = 1.0
_ACK_S = 10.0


class Upstream:
    """sent: everything that was or may have been published."""

    def __init__(self, bootstrap_servers: str, tenant_id: str) -> None:
        self.sent: list[Sent] = []
        self._bootstrap_servers = bootstrap_servers
        self._tenant_id = tenant_id

    async def run(self, seconds: float) -> None:
        """A good request now and then. What is not acked is left at that."""
        for number in range(int(seconds / _EVERY_S)):
            await asyncio.sleep(_EVERY_S)
            with suppress(KafkaError, TimeoutError, OSError):
                await self._publish([good_request(self._tenant_id, number, datetime.now(UTC))])

    async def publish_odd(self) -> int:
        """Returns how many. Raises KafkaError, TimeoutError, OSError."""
        records = [*odd_records(self._tenant_id, datetime.now(UTC)), *odd_submissions()]
        await self._publish(records)
        return len(records)

    async def _publish(self, records: Iterable[UpstreamRecord]) -> None:
        client = AIOKafkaClient(bootstrap_servers=self._bootstrap_servers, request_timeout_ms=int(_ACK_S * 1000))
        try:
            async with asyncio.timeout(_ACK_S):
                await client.bootstrap()
            for record in records:
                place: Place | None = None
                try:
                    place = await _publish(client, record)
                finally:
                    self.sent.append(Sent(record.name, record.ends, place, record.inference_id))
        finally:
            await client.close()


async def _publish(client: AIOKafkaClient, record: UpstreamRecord) -> Place:
    at_ms = int(time.time() * 1000) if record.timestamp_ms is None else record.timestamp_ms
    batch = batch_of(record.key, record.value, record.headers, at_ms)
    topics = [(record.topic, [(record.partition, batch)])]
    request = ProduceRequest(None, -1, int(_ACK_S * 1000), topics)
    async with asyncio.timeout(_ACK_S):
        await client.add_topic(record.topic)
        leader = client.cluster.leader_for_partition(TopicPartition(record.topic, record.partition))
        if leader is None or leader == -1:
            raise ConnectionError(f"{record.topic}:{record.partition} has no leader")
        response = await client.send(leader, request)
    _, [(_, error_code, offset, *_)] = response.topics[0]
    if error_code:
        raise for_code(error_code)
    return Place(record.topic, record.partition, offset)
