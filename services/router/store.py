"""All SQL of the router: one question to the books."""

from uuid import UUID

from shared.db.pool import Pool

_BEGUN = """
SELECT EXISTS (
    SELECT FROM monitor.inferences WHERE inference_id = $1 AND tenant_id = $2
        AND (settlement IS NOT NULL OR (router_id IS NOT NULL AND delivery >= $3)))
"""


class RouterStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def begun(self, tenant_id: str, inference_id: UUID, delivery: int) -> bool:
        """Whether a router has had this delivery of the inference in its hands, or it is settled already."""
        return bool(await self._pool.fetchval(_BEGUN, inference_id, tenant_id, delivery))
