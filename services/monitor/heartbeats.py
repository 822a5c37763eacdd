"""Who is alive: the routers' heartbeats, read from the beginning without a group, by every monitor."""

import asyncio
import time

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.monitor.liveness import Liveness
from shared.events import RouterHeartbeat
from shared.events.codec import UnreadableMessageError, decode
from shared.events.settings import KafkaSettings
from shared.events.topics import HEARTBEATS

logger = structlog.get_logger(__name__)

_RETRY_S = 1.0
_ASK_TIMEOUT_S = 5.0


class HeartbeatReader:
    """Feeds `liveness`. `caught_up` is what allows to declare anyone dead."""

    def __init__(self, settings: KafkaSettings, liveness: Liveness) -> None:
        self._settings = settings
        self._liveness = liveness
        self._partitions = [TopicPartition(HEARTBEATS.name, number) for number in range(HEARTBEATS.partitions)]
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._consumer = AIOKafkaConsumer(
            **self._settings.connection(), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        await self._consumer.seek_to_beginning(*self._partitions)
        self._task = asyncio.create_task(self._read(self._consumer), name="heartbeats")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._consumer is not None:
            await self._consumer.stop()

    async def caught_up(self) -> bool:
        """Everything that was on the topic when this was asked has been read."""
        if self._consumer is None:
            return False
        try:
            async with asyncio.timeout(_ASK_TIMEOUT_S):
                ends = await self._consumer.end_offsets(self._partitions)
                while any([await self._consumer.position(tp) < end for tp, end in ends.items()]):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except (KafkaError, TimeoutError):
            return False
        return True

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            try:
                batches = await consumer.getmany(timeout_ms=500)
            except KafkaError as error:
                logger.warning("heartbeats.read_failed", reason=type(error).__name__)
                await asyncio.sleep(_RETRY_S)
                continue
            for record in (record for records in batches.values() for record in records):
                try:
                    beat = decode(HEARTBEATS, record.headers, record.value)
                except UnreadableMessageError as error:
                    logger.warning("heartbeat.unreadable", offset=record.offset, reason=str(error))
                    continue
                if isinstance(beat, RouterHeartbeat):
                    self._liveness.heard(beat.router_id, beat.stopped, time.monotonic())
