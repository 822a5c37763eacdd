"""All SQL of the audit: what is in the books."""

from services.monitor.audit.invariants import Booked
from shared.db.pool import Pool


class AuditStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def booked(self) -> Booked:
        """Everything in the books, for the audit."""
        attempts = await self._pool.fetch("SELECT attempt_id, outcome_event_id FROM monitor.attempts")
        inferences = await self._pool.fetch("SELECT inference_id, settlement_event_id FROM monitor.inferences")
        return Booked({row[0]: row[1] for row in attempts}, {row[0]: row[1] for row in inferences})
