"""Rejected requests are on record too. Published in batches in the background: under overload, a round trip to the
broker for each rejection would add to the load.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import structlog

from services.gateway import instruments
from services.gateway.inference.labels import Labels
from shared.access import Caller
from shared.background import Background
from shared.errors import Failure
from shared.events import InferenceSettled, new_id, utc_now
from shared.events.topics import OUTCOMES
from shared.inferences import InferenceFailedError
from shared.kafka.publisher import Outgoing, Publisher, UnpublishableError
from shared.telemetry.settlements import settlements

logger = structlog.get_logger(__name__)

_MOST_WAITING = 10_000
_BATCH = 500
_LAST_WORDS_S = 2.0


class Rejections:
    def __init__(self, publisher: Publisher, instance: str) -> None:
        self._publisher = publisher
        self._reported_by = f"gateway/{instance}"
        self._waiting: asyncio.Queue[InferenceSettled] = asyncio.Queue(_MOST_WAITING)
        self._recording = Background("rejections", self._record)

    async def start(self) -> None:
        await self._recording.start()

    async def stop(self) -> None:
        """Publishes what waits, for a short time; the rest is lost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._waiting.join()
        await self._recording.stop()

    def rejected(
        self, caller: Caller, refusal: Failure, said: Labels, inference_id: UUID | None = None
    ) -> InferenceFailedError:
        """The error for the caller. The rejection is published later, under the inference id that the error carries: a
        new one, unless its sender has given it one.

        Which model it was for is not known: what was refused is not read.
        """
        settled = self.settled(caller, refusal, said, inference_id or new_id())
        try:
            self._waiting.put_nowait(settled)
        except asyncio.QueueFull:
            instruments.rejections_unrecorded.inc()
        return InferenceFailedError(refusal, settled.inference_id)

    def settled(self, caller: Caller, refusal: Failure, said: Labels, inference_id: UUID) -> InferenceSettled:
        """To be published: a rejection is counted here."""
        now = utc_now()
        settlements.labels("rejected", refusal.error_type).inc()
        return InferenceSettled(
            inference_id=inference_id,
            tenant_id=caller.tenant_id,
            settlement="rejected",
            api_key_id=caller.key_id,
            session=said.session,
            tags=said.tags,
            error=refusal,
            accepted_at=now,
            settled_at=now,
            duration_s=0.0,
            reported_by=self._reported_by,
        )

    async def put_on_record(self, rejections: Sequence[InferenceSettled]) -> None:
        """Returns when they are acked: for what can be asked for again until then."""
        try:
            await self._publisher.publish_until_acked(*(Outgoing(OUTCOMES, settled) for settled in rejections))
        except UnpublishableError:
            logger.exception("rejections.unpublishable", rejections=len(rejections))
            instruments.rejections_unrecorded.inc(len(rejections))

    async def _record(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while not self._waiting.empty() and len(batch) < _BATCH:
                batch.append(self._waiting.get_nowait())
            await self.put_on_record(batch)
            for _ in batch:
                self._waiting.task_done()
