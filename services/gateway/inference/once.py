"""Requests with an Idempotency-Key: one key, one inference, one answer. The database decides who publishes."""

import asyncio
import dataclasses
from datetime import timedelta
from uuid import UUID

import structlog

from services.gateway.inference.idempotency import IdempotencyKey, other_body
from services.gateway.inference.inferences import Answer, InferenceFailedError, Inferences, Order
from services.gateway.inference.pending import Reply
from services.gateway.inference.results import Results
from services.gateway.inference.store import InferenceStore, KnownKey
from shared.db.pool import RETRYABLE
from shared.events import new_id, utc_now

logger = structlog.get_logger(__name__)

_LOOK_AGAIN_S = 1.0


class Once:
    """stale_after_s: who has not published by then has died, and somebody else may."""

    def __init__(self, store: InferenceStore, results: Results, inferences: Inferences, stale_after_s: float) -> None:
        self._store = store
        self._results = results
        self._inferences = inferences
        self._stale_after = timedelta(seconds=stale_after_s)

    async def complete(self, order: Order, key: IdempotencyKey) -> Answer:
        """The answer of the inference that the key stands for, whoever published it."""
        ours = new_id()
        known = await self._store.claim_key(key, ours, utc_now())
        if known.body_sha256 != key.body_sha256:
            raise other_body(key)
        replayed = known.inference_id != ours
        try:
            answer = await self._answer(order, key, known, replayed=replayed)
        except InferenceFailedError as error:
            error.replayed = replayed
            raise
        return dataclasses.replace(answer, replayed=replayed)

    async def _answer(self, order: Order, key: IdempotencyKey, known: KnownKey, *, replayed: bool) -> Answer:
        with self._results.expect(known.inference_id) as future:
            if not replayed:
                await self._publish(order, key, known.inference_id)
            elif not known.published:
                await self._see_published(order, key, known.inference_id, future)
            return self._inferences.answer(await self._inferences.reply(order, known.inference_id, future))

    async def _see_published(
        self, order: Order, key: IdempotencyKey, inference_id: UUID, future: asyncio.Future[Reply]
    ) -> None:
        """Returns when the first one has published, or has died before it could: then this one does."""
        while not future.done() and (now := utc_now()) < order.admitted.deadline_at:
            if await self._store.take_over(key, now, now - self._stale_after):
                await self._publish(order, key, inference_id, republished=True)
                return
            if (await self._store.claim_key(key, inference_id, now)).published:
                return
            await asyncio.wait((future,), timeout=_LOOK_AGAIN_S)

    async def _publish(
        self, order: Order, key: IdempotencyKey, inference_id: UUID, *, republished: bool = False
    ) -> None:
        await self._inferences.publish(order, inference_id, store_result=True, republished=republished)
        try:
            await self._store.key_published(key, utc_now())
        except RETRYABLE as error:
            # At worst it is published once more, and routers know it by its id.
            logger.warning("idempotency.not_marked", reason=type(error).__name__, inference_id=str(inference_id))
