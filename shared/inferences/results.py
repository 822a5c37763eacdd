"""Stored results: a waiter is woken when its result is in the database, whichever process the reply was sent to."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

import structlog

from shared.background import Periodic
from shared.db.failures import RETRYABLE
from shared.events import ReplyCompleted, ReplyFailed
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import CE_TYPE
from shared.events.topics import RESULTS
from shared.inferences.answers import AnyReply, Reply
from shared.inferences.pending import Pending
from shared.inferences.store import StoredResult

logger = structlog.get_logger(__name__)

# A notification is lost while the connection is down, and some processes do not listen: so results are also polled.
_LOOK_EVERY_S = 1.0


class StoredResults(Protocol):
    """What is read here of an InferenceStore."""

    async def results(self, inference_ids: Sequence[UUID]) -> list[StoredResult]: ...


class Results(Periodic):
    """A reply to the process that published and a stored result resolve the same futures: the first one counts.

    look_every_s: how often every awaited result is looked up, whether or not anything was notified.
    """

    def __init__(self, store: StoredResults, pending: Pending, look_every_s: float = _LOOK_EVERY_S) -> None:
        super().__init__("results", self._look, look_every_s, RETRYABLE)
        self._store = store
        self._pending = pending
        self._watched: Counter[UUID] = Counter()
        self._due: set[UUID] = set()

    @contextmanager
    def expect(self, inference_id: UUID, tenant_id: str) -> Iterator["asyncio.Future[AnyReply]"]:
        """As `Pending.expect`. The result may be stored already, be stored later, or come as a reply."""
        with self._pending.expect(inference_id, tenant_id) as future, self.watching(inference_id):
            yield future

    @contextmanager
    def watching(self, inference_id: UUID) -> Iterator[None]:
        """Its result, once stored, resolves what waits for it in `Pending`."""
        self._watched[inference_id] += 1
        self._look_for((inference_id,))
        try:
            yield
        finally:
            self._watched[inference_id] -= 1
            if not self._watched[inference_id]:
                del self._watched[inference_id]

    def changed(self, inference_id: str | None) -> None:
        """For a Listener on RESULTS_CHANNEL: this result has come; None: any may have."""
        self._look_for(self._watched if inference_id is None else (UUID(inference_id),))

    def _look_for(self, inference_ids: Iterable[UUID]) -> None:
        wanted = [inference_id for inference_id in inference_ids if inference_id in self._watched]
        if wanted:
            self._due.update(wanted)
            self.wake()

    async def _look(self) -> None:
        """Look up the results that are due; when none is, all that are awaited."""
        due = list(self._due or self._watched)
        self._due.clear()
        for result in await self._store.results(due) if due else ():
            if (reply := reply_of(result)) is not None:
                self._pending.resolve(reply)


def reply_of(result: StoredResult) -> Reply | None:
    """None for a result that cannot be read."""
    try:
        reply = decode(RESULTS, [(CE_TYPE, result.ce_type.encode())], result.event)
    except UnreadableMessageError as error:
        logger.warning("result.unreadable", inference_id=str(result.inference_id), reason=str(error))
        return None
    return reply if isinstance(reply, ReplyCompleted | ReplyFailed) else None
