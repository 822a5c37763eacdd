"""Stored results: who waits for one here is woken when it is in the database, whichever gateway put it there."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import structlog

from services.gateway.inference.pending import Pending, Reply
from services.gateway.inference.store import InferenceStore, StoredResult
from shared.background import end_task
from shared.db.pool import RETRYABLE
from shared.events import ReplyCompleted, ReplyFailed
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import CE_TYPE
from shared.events.topics import RESULTS

logger = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0  # a notification can be lost while the connection is down


class Results:
    """A reply to the gateway that published and a stored result resolve the same futures: the first one counts."""

    def __init__(self, store: InferenceStore, pending: Pending) -> None:
        self._store = store
        self._pending = pending
        self._watched: Counter[UUID] = Counter()
        self._due: set[UUID] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="results")

    async def stop(self) -> None:
        await end_task(self._task)

    @contextmanager
    def expect(self, inference_id: UUID) -> Iterator[asyncio.Future[Reply]]:
        """The result may be there already, come soon, or travel to us as a reply."""
        with self._pending.expect(inference_id) as future:
            self._watched[inference_id] += 1
            self._look_for((inference_id,))
            try:
                yield future
            finally:
                self._watched[inference_id] -= 1
                if not self._watched[inference_id]:
                    del self._watched[inference_id]

    def changed(self, inference_id: str | None) -> None:
        """Notified: this result has come; None: any may have."""
        self._look_for(self._watched if inference_id is None else (UUID(inference_id),))

    def _look_for(self, inference_ids: Iterable[UUID]) -> None:
        wanted = [one for one in inference_ids if one in self._watched]
        if wanted:
            self._due.update(wanted)
            self._wake.set()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._wake.wait()
            due = list(self._due or self._watched)
            self._due.clear()
            self._wake.clear()
            if due:
                await self._look(due)

    async def _look(self, inference_ids: list[UUID]) -> None:
        try:
            stored = await self._store.results(inference_ids)
        except RETRYABLE as error:
            logger.warning("results.not_read", reason=type(error).__name__)
            await asyncio.sleep(_LOOK_EVERY_S)
            return
        for result in stored:
            if (reply := _reply_of(result)) is not None:
                self._pending.resolve(reply)


def _reply_of(result: StoredResult) -> Reply | None:
    try:
        reply = decode(RESULTS, [(CE_TYPE, result.ce_type.encode())], result.event)
    except UnreadableMessageError as error:
        logger.warning("result.unreadable", inference_id=str(result.inference_id), reason=str(error))
        return None
    return reply if isinstance(reply, ReplyCompleted | ReplyFailed) else None
