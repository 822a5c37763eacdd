"""All SQL on files that only gateways need: what a tenant may have, what it has, and what is to be deleted."""

from dataclasses import replace
from typing import Literal
from uuid import UUID

from services.gateway.files.form import FORM_BYTES
from services.gateway.quotas import FileLimits, over_quota
from services.gateway.tenants.store import HOLD_TENANT
from shared.db.pool import Pool
from shared.db.reads import Reads
from shared.errors import TallygateError
from shared.files import File, Files, NewFile, Purpose
from shared.files.store import COLUMNS

_USED = """
SELECT count(*), coalesce(sum(greatest(size, room)), 0)::bigint
FROM gateway.files WHERE tenant_id = $1 AND deleted_at IS NULL
"""

# The file that is listed after may have been deleted since: its id says where it was.
_LIST = """
SELECT {columns} FROM gateway.files
WHERE tenant_id = $1 AND deleted_at IS NULL AND finished_at IS NOT NULL
    AND ($2::text IS NULL OR purpose = $2) AND ($3::uuid IS NULL OR file_id {beyond} $3)
ORDER BY file_id {order} LIMIT $4
"""
_LISTS = {
    "desc": _LIST.format(columns=COLUMNS, beyond="<", order="DESC"),
    "asc": _LIST.format(columns=COLUMNS, beyond=">", order="ASC"),
}

# What a batch reads stays until that has ended.
_EXPIRE = """
UPDATE gateway.files SET deleted_at = now() WHERE file_id IN (
    SELECT file_id FROM gateway.files f WHERE deleted_at IS NULL AND kept_until < now()
        AND NOT EXISTS (SELECT FROM gateway.batches b WHERE b.input_file_id = f.file_id AND b.ended_at IS NULL)
    ORDER BY kept_until LIMIT $1 FOR UPDATE OF f SKIP LOCKED)
"""

_DELETED = """
SELECT file_id FROM gateway.files WHERE deleted_at IS NOT NULL AND ($1::uuid IS NULL OR file_id > $1)
ORDER BY file_id LIMIT $2
"""

_DROP_PARTS = """
DELETE FROM gateway.file_parts WHERE file_id = $1 AND start IN (
    SELECT start FROM gateway.file_parts WHERE file_id = $1 ORDER BY start LIMIT $2 FOR UPDATE SKIP LOCKED)
"""

# Not while another gateway deletes its last parts.
_DROP = """
DELETE FROM gateway.files f WHERE f.file_id = $1 AND f.deleted_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM gateway.file_parts p WHERE p.file_id = f.file_id)
"""

Order = Literal["asc", "desc"]


class FileTable:
    """reads: for lists, which may be long."""

    def __init__(self, pool: Pool, reads: Reads, files: Files, limits: FileLimits) -> None:
        self._pool = pool
        self._reads = reads
        self._files = files
        self._limits = limits

    async def begin(self, new: NewFile, body_bytes: int | None) -> File:
        """A file with the room that the upload may take. body_bytes: of the whole body, when that is known. Raises
        TallygateError when the tenant has too much for it."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(HOLD_TENANT, new.tenant_id)
            files, used = await connection.fetchrow(_USED, new.tenant_id) or (0, 0)
            room = room_for(self._limits, files, used, body_bytes)
            file = await self._files.begin(replace(new, room=room), connection)
            if file is None:
                raise RuntimeError("a new id is the one of a deleted file")
            return file

    async def listed(
        self, tenant_id: str, purpose: Purpose | None, order: Order, after: UUID | None, limit: int
    ) -> list[File]:
        rows = await self._reads.fetch(tenant_id, _LISTS[order], tenant_id, purpose, after, limit)
        return [File(**row) for row in rows]

    async def expire(self, limit: int) -> int:
        """Deletes what is not to be kept any longer, and is read by no batch; returns how many."""
        return _count(await self._pool.execute(_EXPIRE, limit))

    async def deleted(self, after: UUID | None, limit: int) -> list[UUID]:
        """Files of which there may be parts left, in the order of their ids."""
        return [row[0] for row in await self._pool.fetch(_DELETED, after, limit)]

    async def drop(self, file_id: UUID, parts_at_once: int) -> None:
        """Deletes the parts of a deleted file, and it."""
        while _count(await self._pool.execute(_DROP_PARTS, file_id, parts_at_once)):
            pass
        await self._pool.execute(_DROP, file_id)


def room_for(limits: FileLimits, files: int, used: int, body_bytes: int | None) -> int:
    """Bytes that a new file may come to have. Raises TallygateError when the tenant has too much already."""
    if files >= limits.files:
        raise over_quota("files", files, limits.files, "TALLYGATE_MAX_FILES_PER_TENANT", _DELETE_SOME)
    left = limits.stored_bytes - used
    if left <= 0 or (body_bytes or 0) - FORM_BYTES > left:
        raise too_much_stored(limits)
    return min(limits.file_bytes, left, left if body_bytes is None else body_bytes)


def too_much_stored(limits: FileLimits) -> TallygateError:
    detail = f"with this file your tenant would have more than {limits.stored_bytes} bytes of files"
    raised = f"An operator can raise TALLYGATE_MAX_STORED_BYTES_PER_TENANT (now {limits.stored_bytes})."
    return TallygateError("invalid_request", detail, http_status=409, tips=(_DELETE_SOME, raised))


_DELETE_SOME = "Delete files that are not needed: DELETE /v1/files/{id}."


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])
