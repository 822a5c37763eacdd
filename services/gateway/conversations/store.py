"""All SQL on chat history. Every statement is bound to a tenant and a session."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.db.pool import Pool

_NEW_MESSAGE = """
INSERT INTO gateway.chat_messages
    (tenant_id, session_id, message_id, role, sealed_content, model, inference_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING
"""


class StoredMessage(NamedTuple):
    message_id: UUID
    role: str
    sealed_content: str
    model: str | None
    inference_id: UUID
    created_at: datetime


class ConversationStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def history(self, tenant_id: str, session_id: str, limit: int) -> list[StoredMessage]:
        """The newest `limit` messages, oldest first."""
        rows = await self._pool.fetch(
            "SELECT message_id, role, sealed_content, model, inference_id, created_at FROM gateway.chat_messages "
            "WHERE tenant_id = $1 AND session_id = $2 ORDER BY message_id DESC LIMIT $3",
            tenant_id, session_id, limit,
        )  # fmt: skip
        return [StoredMessage(*row) for row in reversed(rows)]

    async def add_messages(self, tenant_id: str, session_id: str, messages: Sequence[StoredMessage]) -> None:
        rows = [(tenant_id, session_id, *message) for message in messages]
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.executemany(_NEW_MESSAGE, rows)

    async def forget_history(self, tenant_id: str, session_id: str) -> int:
        status = await self._pool.execute(
            "DELETE FROM gateway.chat_messages WHERE tenant_id = $1 AND session_id = $2",
            tenant_id,
            session_id,
        )
        return int(status.rpartition(" ")[2])
