"""All SQL on files that whoever writes and reads them needs. Every statement is bound to a tenant, or to a file that
was read with it. Gateways own the tables."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from shared.db.pool import Connection, Pool
from shared.files.files import AppendRefusedError, File, NewFile, SealedPart

Within: TypeAlias = "Connection | None"

COLUMNS = "file_id, tenant_id, purpose, name, kept_until, room, sealed_key, size, created_at, finished_at"  # of a File

# One that is there already stays as it is.
_ADD = """
INSERT INTO gateway.files (file_id, tenant_id, purpose, name, kept_until, room, sealed_key, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, now()) ON CONFLICT DO NOTHING
"""

_FILE = f"SELECT {COLUMNS} FROM gateway.files WHERE tenant_id = $1 AND file_id = $2 AND deleted_at IS NULL"  # noqa: S608

_APPEND = """
WITH file AS (
    UPDATE gateway.files SET size = $4
    WHERE tenant_id = $1 AND file_id = $2 AND size = $3 AND finished_at IS NULL AND deleted_at IS NULL
    RETURNING file_id
)
INSERT INTO gateway.file_parts (file_id, start, size, sealed, object_name)
SELECT file.file_id, part.* FROM file, unnest($5::bigint[], $6::integer[], $7::bytea[], $8::text[]) AS part
"""

_FINISH = f"""
UPDATE gateway.files SET finished_at = now(), kept_until = $4, purpose = $5, room = 0
WHERE tenant_id = $1 AND file_id = $2 AND size = $3 AND finished_at IS NULL AND deleted_at IS NULL
RETURNING {COLUMNS}
"""  # noqa: S608

_DELETE = """
UPDATE gateway.files SET deleted_at = now()
WHERE tenant_id = $1 AND file_id = $2 AND deleted_at IS NULL AND (finished_at IS NOT NULL OR NOT $3)
"""

# Parts may be small, so that of a reading at once both their number and their bytes are bounded.
_PARTS = """
SELECT start, size, sealed, object_name FROM (
    SELECT *, sum(size) OVER (ORDER BY start) - size AS bytes_before FROM (
        SELECT * FROM gateway.file_parts WHERE file_id = $1 AND start >= coalesce(
            (SELECT max(start) FROM gateway.file_parts WHERE file_id = $1 AND start <= $2), $2)
        ORDER BY start LIMIT $3) AS found
) AS part WHERE bytes_before < $4 ORDER BY start
"""

_HAS_OBJECTS = "SELECT EXISTS (SELECT FROM gateway.file_parts WHERE file_id = $1 AND object_name IS NOT NULL)"

_MOST_PARTS = 64
_MOST_BYTES = 1024 * 1024


class FileStore:
    """within: a connection in a transaction, of whose other writes this is to be a part."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, new: NewFile, sealed_key: str, within: Within = None) -> File | None:
        """The file as it stands: the new one, or the one of this id that was there. None when that was deleted."""
        row = (new.file_id, new.tenant_id, new.purpose, new.name, new.kept_until, new.room, sealed_key)
        await (within or self._pool).execute(_ADD, *row)
        return await self.file(new.tenant_id, new.file_id, within)

    async def file(self, tenant_id: str, file_id: UUID, within: Within = None) -> File | None:
        """Also one that is not finished."""
        row = await (within or self._pool).fetchrow(_FILE, tenant_id, file_id)
        return None if row is None else File(**row)

    async def append(self, file: File, parts: Sequence[SealedPart], within: Within = None) -> None:
        """parts: in order, the first one beginning at the file's size. Raises AppendRefusedError."""
        columns = [list(column) for column in zip(*parts, strict=True)]
        end = parts[-1].start + parts[-1].size
        row = (file.tenant_id, file.file_id, file.size, end, *columns)
        if await (within or self._pool).execute(_APPEND, *row) != f"INSERT 0 {len(parts)}":
            raise AppendRefusedError

    async def finish(self, file: File, kept_until: datetime, within: Within = None) -> File:
        """Raises AppendRefusedError when the file does not stand as it is given."""
        values = (file.tenant_id, file.file_id, file.size, kept_until, file.purpose)
        row = await (within or self._pool).fetchrow(_FINISH, *values)
        if row is None:
            raise AppendRefusedError
        return File(**row)

    async def delete(
        self, tenant_id: str, file_id: UUID, within: Within = None, *, only_finished: bool = False
    ) -> bool:
        """False when there is no such file. Its parts are deleted by the gateways' retention."""
        status = await (within or self._pool).execute(_DELETE, tenant_id, file_id, only_finished)
        return status == "UPDATE 1"

    async def parts(self, file_id: UUID, offset: int) -> list[SealedPart]:
        """The part that `offset` lies in and some after it, about a MiB; none: there are no more."""
        rows = await self._pool.fetch(_PARTS, file_id, offset, _MOST_PARTS, _MOST_BYTES)
        return [SealedPart(*row) for row in rows]

    async def has_objects(self, file_id: UUID) -> bool:
        """Whether parts of it lie in an object store."""
        return bool(await self._pool.fetchval(_HAS_OBJECTS, file_id))
