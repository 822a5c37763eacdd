"""All SQL on batches as tenants make, see and cancel them, and on the results of their lines. Every statement is bound
to a tenant."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from services.gateway.quotas import over_quota
from services.gateway.tenants.store import HOLD_TENANT
from shared.batches import Endpoint, Status
from shared.db.pool import Pool
from shared.inferences.store import TOLD_RESULTS, StoredResult

_COLUMNS = """
batch_id, endpoint, input_file_id, completion_window, status, errors, waiting, total, completed, failed, metadata,
session, output_file_id, error_file_id, created_at, expires_at, in_progress_at, cancelling_at, finalizing_at, settled_at
"""

_OPEN = "SELECT count(*) FROM gateway.batches WHERE tenant_id = $1 AND ended_at IS NULL"

_NEW = """
INSERT INTO gateway.batches (batch_id, tenant_id, api_key_id, endpoint, input_file_id, completion_window, metadata,
                             session, output_kept_s, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""

_BATCH = f"SELECT {_COLUMNS} FROM gateway.batches WHERE tenant_id = $1 AND batch_id = $2"  # noqa: S608

_PAGE = f"""
SELECT {_COLUMNS} FROM gateway.batches
WHERE tenant_id = $1 AND ($2::uuid IS NULL OR batch_id < $2) AND ($3::text IS NULL OR status = $3)
ORDER BY batch_id DESC LIMIT $4
"""  # noqa: S608

_READING = """
SELECT batch_id FROM gateway.batches WHERE tenant_id = $1 AND input_file_id = $2 AND ended_at IS NULL
    AND settled_at IS NULL ORDER BY batch_id LIMIT 1
"""

_CANCEL = f"""
UPDATE gateway.batches SET status = 'cancelling', cancelling_at = now(), waiting = NULL
WHERE tenant_id = $1 AND batch_id = $2 AND status IN ('validating', 'in_progress')
RETURNING {_COLUMNS}
"""  # noqa: S608

# Of what a batch has in flight, the first lines that have ended, so many bytes of them.
_ENDED = f"""
SELECT line, custom_id, inference_id, sealed_request, ce_type, event FROM (
    SELECT l.line, l.custom_id, l.inference_id, l.sealed_request, r.ce_type, r.event,
           sum(octet_length(r.event)) OVER (ORDER BY l.line) - octet_length(r.event) AS bytes_before
    FROM gateway.batch_lines l JOIN {TOLD_RESULTS} AS r USING (inference_id, tenant_id)
    WHERE l.tenant_id = $1 AND l.batch_id = $2
) AS ended WHERE bytes_before < $3 ORDER BY line
"""  # noqa: S608 - only constants are joined

# Of what a batch has in flight, the lines that were begun before and have no result.
_UNANSWERED = f"""
SELECT l.line, l.custom_id, l.inference_id FROM gateway.batch_lines l
WHERE l.tenant_id = $1 AND l.batch_id = $2 AND l.inference_id < $3
    AND NOT EXISTS (SELECT FROM {TOLD_RESULTS} AS r WHERE r.inference_id = l.inference_id)
ORDER BY l.line
"""  # noqa: S608 - as above

_FULL_WAIT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """output_kept_s: for how long the files that it makes are kept."""

    batch_id: UUID
    tenant_id: str
    key_id: str
    endpoint: Endpoint
    input_file_id: UUID
    completion_window: str
    metadata: dict[str, Any] | None
    session: str
    output_kept_s: float
    created_at: datetime
    expires_at: datetime


class LineRow(NamedTuple):
    """A line in flight."""

    line: int
    custom_id: str
    inference_id: UUID


class EndedRow(NamedTuple):
    """A line whose result is stored. sealed_request: as in the table."""

    line: int
    custom_id: str
    inference_id: UUID
    sealed_request: str | None
    result: StoredResult


class BatchStore:
    """most_open: batches of one tenant that have not ended."""

    def __init__(self, pool: Pool, most_open: int) -> None:
        self._pool = pool
        self._most_open = most_open

    async def add(self, new: NewBatch) -> None:
        """Raises TallygateError when the tenant has too many that have not ended."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(HOLD_TENANT, new.tenant_id)
            has = await connection.fetchval(_OPEN, new.tenant_id)
            if has >= self._most_open:
                tip = "Wait until one has ended, or cancel one: tallygate batch cancel <id>"
                setting = "TALLYGATE_MAX_BATCHES_PER_TENANT"
                raise over_quota("open batches", has, self._most_open, setting, tip, retry_after_s=_FULL_WAIT_S)
            await connection.execute(
                _NEW, new.batch_id, new.tenant_id, new.key_id, new.endpoint, new.input_file_id, new.completion_window,
                new.metadata, new.session, new.output_kept_s, new.created_at, new.expires_at,
            )  # fmt: skip

    async def batch(self, tenant_id: str, batch_id: UUID) -> asyncpg.Record | None:
        return await self._pool.fetchrow(_BATCH, tenant_id, batch_id)

    async def page(self, tenant_id: str, after: UUID | None, status: Status | None, limit: int) -> list[asyncpg.Record]:
        """The newest first; older than `after`. status: None for any."""
        return await self._pool.fetch(_PAGE, tenant_id, after, status, limit)

    async def reading(self, tenant_id: str, file_id: UUID) -> UUID | None:
        """A batch that may still read this file."""
        found: UUID | None = await self._pool.fetchval(_READING, tenant_id, file_id)
        return found

    async def cancel(self, tenant_id: str, batch_id: UUID) -> asyncpg.Record | None:
        """The batch, when it can be cancelled still."""
        return await self._pool.fetchrow(_CANCEL, tenant_id, batch_id)

    async def ended(self, tenant_id: str, batch_id: UUID, most_bytes: int) -> list[EndedRow]:
        """Lines in flight whose results are stored; about so many bytes of them, one at least."""
        rows = await self._pool.fetch(_ENDED, tenant_id, batch_id, most_bytes)
        return [
            EndedRow(line, custom_id, inference_id, sealed, StoredResult(inference_id, tenant_id, ce_type, event))
            for line, custom_id, inference_id, sealed, ce_type, event in rows
        ]

    async def unanswered(self, tenant_id: str, batch_id: UUID, before: UUID) -> list[LineRow]:
        """Lines in flight that have no result. before: ids of inferences that are younger than these."""
        return [LineRow(*row) for row in await self._pool.fetch(_UNANSWERED, tenant_id, batch_id, before)]
