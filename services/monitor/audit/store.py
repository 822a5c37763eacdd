"""All SQL of the audit: what is in the books."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.monitor.audit.invariants import Booked
from shared.db.pool import Pool

_PAGE = 5000  # inferences of one statement

_ATTEMPTS = "SELECT attempt_id, outcome_event_id FROM monitor.attempts WHERE inference_id = ANY($1)"
_INFERENCES = "SELECT inference_id, settlement_event_id FROM monitor.inferences WHERE inference_id = ANY($1)"


class AuditStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def kept_from(self) -> datetime:
        """What was accepted before is no longer in the books."""
        at: datetime = await self._pool.fetchval("SELECT kept_from FROM monitor.retention")
        return at

    async def booked(self, inference_ids: Sequence[UUID]) -> Booked:
        """Of these inferences."""
        attempts: dict[UUID, UUID | None] = {}
        inferences: dict[UUID, UUID | None] = {}
        for first in range(0, len(inference_ids), _PAGE):
            page = inference_ids[first : first + _PAGE]
            attempts.update({row[0]: row[1] for row in await self._pool.fetch(_ATTEMPTS, page)})
            inferences.update({row[0]: row[1] for row in await self._pool.fetch(_INFERENCES, page)})
        return Booked(attempts, inferences)
