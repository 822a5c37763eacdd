"""All SQL on chat history. Every statement is bound to a tenant and a session."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.gateway.quotas import MAX_SESSION_BYTES, Quotas, over_quota
from shared.db.pool import Pool
from shared.errors import TallygateError

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


# Steps from one session to the next in the index, instead of reading all messages of all of them.
_SESSIONS = """
WITH RECURSIVE session AS (
    SELECT min(session_id) AS id FROM gateway.chat_messages WHERE tenant_id = $1
    UNION ALL
    SELECT (SELECT min(session_id) FROM gateway.chat_messages WHERE tenant_id = $1 AND session_id > session.id)
    FROM session WHERE session.id IS NOT NULL)
SELECT count(id) FROM (SELECT id FROM session LIMIT $2) AS counted
"""

_SIZE = """
SELECT count(*), coalesce(sum(octet_length(sealed_content)), 0)::bigint FROM gateway.chat_messages
WHERE tenant_id = $1 AND session_id = $2
"""

_OLDEST = "SELECT session_id FROM gateway.chat_messages WHERE tenant_id = $1 ORDER BY created_at LIMIT 1"


class ConversationStore:
    """quotas: of sessions, and of messages in one."""

    def __init__(self, pool: Pool, quotas: Quotas) -> None:
        self._pool = pool
        self._quotas = quotas

    async def check_room(self, tenant_id: str, session_id: str | None) -> None:
        """Raises TallygateError when no question and answer more can be kept. session_id: None for a new session."""
        messages, size = await self._pool.fetchrow(_SIZE, tenant_id, session_id) or (0, 0)
        most = self._quotas.session_messages
        tip = f"Begin a new session, or forget this one: DELETE /api/codebase/chat?sessionId={session_id}"
        if messages + 2 > most:
            raise over_quota("messages in this session", messages, most, "TALLYGATE_MAX_SESSION_MESSAGES", tip)
        if size > MAX_SESSION_BYTES:
            detail = f"this session holds {size} bytes, and {MAX_SESSION_BYTES} is the limit"
            raise TallygateError("payload_too_large", detail, tips=(tip,))
        if messages == 0:
            await self._check_sessions(tenant_id)

    async def _check_sessions(self, tenant_id: str) -> None:
        most = self._quotas.sessions
        has = await self._pool.fetchval(_SESSIONS, tenant_id, most + 1)
        if has >= most:
            oldest = await self._pool.fetchval(_OLDEST, tenant_id)
            tip = f"Forget one, such as the oldest: DELETE /api/codebase/chat?sessionId={oldest}"
            raise over_quota("chat sessions", has, most, "TALLYGATE_MAX_SESSIONS_PER_TENANT", tip)

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
