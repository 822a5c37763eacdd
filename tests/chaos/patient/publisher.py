"""An upstream service with a stock client: publishes each record until it is acked, and reads its own reply topic."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import uuid_utils.compat
from aiokafka import AIOKafkaProducer, ConsumerRecord

from shared.events.envelope import CE_TYPE
from shared.events.upstream import UpstreamBatchRequested, UpstreamReplyCompleted, UpstreamRequested
from tests.chaos.mix import Ask
from tests.chaos.on_record import records_of
from tests.chaos.patient.again import spread, until_taken
from tests.chaos.patient.mix import Record
from tests.chaos.patient.words import Published, Reply, last_word
from tests.chaos.topics import INGRESS, REPLIES

_ACK_MS = 10_000


class Publisher:
    def __init__(self, bootstrap_servers: str, asks: Sequence[Record]) -> None:
        self.published: list[Published] = []
        self._bootstrap_servers = bootstrap_servers
        self._asks = asks

    async def run(self, seconds: float) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers, acks="all", request_timeout_ms=_ACK_MS, retry_backoff_ms=500
        )
        await producer.start()
        try:
            await spread(self._asks, seconds, lambda record: self._publish(producer, record))
        finally:
            await producer.stop()

    async def _publish(self, producer: AIOKafkaProducer, record: Record) -> None:
        requests = [_request(ask) for ask in record.asks]
        kind = UpstreamRequested if len(requests) == 1 else UpstreamBatchRequested
        body = requests[0] if len(requests) == 1 else {"requests": requests}
        troubles: list[str] = []

        async def attempt() -> bool:
            await producer.send_and_wait(INGRESS, json.dumps(body).encode(), headers=[(CE_TYPE, kind.ce_type.encode())])
            return True

        acked = [await until_taken(attempt, troubles) for _ in range(record.times)]
        self.published += [
            Published(str(request["inference_id"]), ask.text, any(acked), troubles)
            for ask, request in zip(record.asks, requests, strict=True)
        ]

    async def replies(self) -> list[Reply]:
        texts = {one.inference_id: one.text for one in self.published}
        async with records_of(self._bootstrap_servers, REPLIES) as found:
            return [_reply(record, texts) async for record in found]


def _request(ask: Ask) -> dict[str, Any]:
    """The same under the same id, however often it is published."""
    return {
        "inference_id": str(uuid_utils.compat.uuid7()),
        "input": {"messages": [{"role": "user", "content": ask.text}]},
        "request_model": ask.model,
        "reply_topic": REPLIES,
    }


def _reply(record: ConsumerRecord, texts: dict[str, str]) -> Reply:
    headers, body = dict(record.headers), json.loads(record.value)
    completed = headers[CE_TYPE].decode() == UpstreamReplyCompleted.ce_type
    word = last_word(body["body"] if completed else None, texts.get(body["inference_id"], ""))
    at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    return Reply(body["inference_id"], headers["ce_id"].decode(), word, at)
