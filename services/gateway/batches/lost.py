"""Results that are not coming any more: the inference has ended long ago, and all that came since is stored.

A result is on its topic before the books say that its inference has ended (decision 0048); one that cannot be stored
becomes a dead letter.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from services.gateway.batches.store import BatchStore, LineRow
from shared.clock import utc_now

_GRACE = timedelta(seconds=60)  # routers publish for so long at least, and again until it is acked


class Books(Protocol):
    """What is needed of an InferenceStore."""

    async def ended_before(self, tenant_id: str, inference_ids: Sequence[UUID], at: datetime) -> set[UUID]: ...


class LostResults:
    """all_stored: whether every result that has come until then is stored."""

    def __init__(self, store: BatchStore, books: Books, all_stored: Callable[[], Awaitable[bool]]) -> None:
        self._store = store
        self._books = books
        self._all_stored = all_stored

    async def of(self, tenant_id: str, batch_id: UUID) -> list[LineRow]:
        """Lines of a batch that are in flight, and whose results are lost."""
        if not await self._missing(tenant_id, batch_id) or not await self._all_stored():
            return []
        return await self._missing(tenant_id, batch_id)

    async def _missing(self, tenant_id: str, batch_id: UUID) -> list[LineRow]:
        """Lines that have ended long ago, and have no result yet."""
        before = utc_now() - _GRACE
        lines = await self._store.unanswered(tenant_id, batch_id, _first_id(before))
        if not lines:
            return []
        ended = await self._books.ended_before(tenant_id, [line.inference_id for line in lines], before)
        return [line for line in lines if line.inference_id in ended]


def _first_id(at: datetime) -> UUID:
    """Ids of inferences that were made before are smaller."""
    return UUID(int=int(at.timestamp() * 1000) << 80)
