"""All SQL on kept responses. Every statement but the one that forgets old ones is bound to a tenant."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.db.pool import Pool

MOST_TURNS = 1000  # of a conversation that goes on from response to response

_KEEP = """
INSERT INTO gateway.responses (tenant_id, response_id, previous_id, sealed_content, created_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""

_CHAIN = """
WITH RECURSIVE turn AS (
    SELECT response_id, previous_id, sealed_content, 1 AS back FROM gateway.responses
    WHERE tenant_id = $1 AND response_id = $2
    UNION ALL
    SELECT r.response_id, r.previous_id, r.sealed_content, turn.back + 1
    FROM turn JOIN gateway.responses r ON r.tenant_id = $1 AND r.response_id = turn.previous_id
    WHERE turn.back < $3)
SELECT response_id, previous_id, sealed_content FROM turn ORDER BY back DESC
"""

_FORGET = """
DELETE FROM gateway.responses WHERE (tenant_id, response_id) IN (
    SELECT tenant_id, response_id FROM gateway.responses WHERE created_at < $1
    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
"""


class KeptResponse(NamedTuple):
    """response_id: the inference's. previous_id: of the response that it goes on from."""

    response_id: UUID
    previous_id: UUID | None
    sealed_content: str


class ResponseStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep(self, tenant_id: str, kept: KeptResponse, now: datetime) -> None:
        """One that is kept already stays as it is: it is the same."""
        await self._pool.execute(_KEEP, tenant_id, *kept, now)

    async def kept(self, tenant_id: str, response_id: UUID) -> KeptResponse | None:
        turns = await self.turns(tenant_id, response_id, most=1)
        return turns[0] if turns else None

    async def turns(self, tenant_id: str, response_id: UUID, most: int = MOST_TURNS) -> list[KeptResponse]:
        """The response and those that it goes on from, oldest first; of very many the newest `most`."""
        return [KeptResponse(*row) for row in await self._pool.fetch(_CHAIN, tenant_id, response_id, most)]

    async def delete(self, tenant_id: str, response_id: UUID) -> bool:
        status = await self._pool.execute(
            "DELETE FROM gateway.responses WHERE tenant_id = $1 AND response_id = $2", tenant_id, response_id
        )
        return status != "DELETE 0"

    async def forget_older(self, than: datetime, most: int) -> int:
        """How many were deleted; at most `most`."""
        status = await self._pool.execute(_FORGET, than, most)
        return int(status.rpartition(" ")[2])
