"""Hear what features workers say, and keep it. Gateway and monitor each keep it for their own use."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from aiokafka import ConsumerRecord

from shared.events.batches import commit_if_ours, next_offsets
from shared.events.codec import UnreadableMessageError, decode
from shared.events.dead_letter_limit import DeadLetterLimitError
from shared.events.dead_letters import dead_letter
from shared.events.feature import FeatureEvent
from shared.events.publisher import Publisher
from shared.events.topics import FEATURE_OUTCOMES, FEATURE_PROGRESS

logger = structlog.get_logger(__name__)

TOPICS = (FEATURE_PROGRESS, FEATURE_OUTCOMES)
_BY_NAME = {topic.name: topic for topic in TOPICS}
_RETRY_S = 0.5

Keep = Callable[[Sequence[FeatureEvent]], Awaitable[None]]


class FeatureEventsHandler:
    """`keep` stores a batch in one transaction; offsets are committed after it. What comes twice changes nothing."""

    def __init__(self, keep: Keep, publisher: Publisher, waitable: tuple[type[BaseException], ...]) -> None:
        self._keep = keep
        self._publisher = publisher
        self._waitable = waitable
        self._consumer: Any = None
        self._ready = asyncio.Event()

    def start(self, consumer: Any) -> None:
        self._consumer = consumer
        self._ready.set()

    async def on_batch(self, records: Sequence[ConsumerRecord]) -> None:
        await self._ready.wait()
        events: list[FeatureEvent] = []
        limit_reached: DeadLetterLimitError | None = None
        for number, record in enumerate(records):
            try:
                events += await self._decoded(record)
            except DeadLetterLimitError as error:
                records, limit_reached = records[:number], error
                break
        await self._kept(events)
        await commit_if_ours(self._consumer, next_offsets(records))
        if limit_reached is not None:
            raise limit_reached

    async def _decoded(self, record: ConsumerRecord) -> list[FeatureEvent]:
        try:
            event = decode(_BY_NAME[record.topic], record.headers, record.value)
        except UnreadableMessageError as error:
            await dead_letter(self._publisher, record, "invalid_request", str(error))
            return []
        return [event] if isinstance(event, FeatureEvent) else []

    async def _kept(self, events: Sequence[FeatureEvent]) -> None:
        """Waits for the database as long as it takes: the events are safe in Kafka."""
        while events:
            try:
                await self._keep(events)
            except self._waitable as error:
                logger.warning("features.waiting", reason=type(error).__name__, events=len(events))
                await asyncio.sleep(_RETRY_S)
            else:
                return
