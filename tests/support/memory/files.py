"""The tables of files."""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.gateway.files.store import FileTable, Order, room_for
from services.gateway.quotas import FileLimits
from shared.files import AppendRefusedError, File, Files, FileStore, NewFile, Purpose
from shared.files.files import SealedPart
from shared.files.store import Within
from tests.support.memory.turns import Turn, at_once
from tests.unit.shared.events.samples import NOW


@dataclass(slots=True)
class FileTables:
    files: dict[UUID, File] = field(default_factory=dict)
    deleted: set[UUID] = field(default_factory=set)
    parts: dict[UUID, list[SealedPart]] = field(default_factory=dict)


class MemoryFileStore(FileStore):
    """Each statement is a transaction by itself, whatever the connection."""

    def __init__(self, tables: FileTables, turn: Turn = at_once) -> None:
        self._tables = tables
        self._turn = turn

    async def add(self, new: NewFile, sealed_key: str, _within: Within = None) -> File | None:
        return await self._turn("add_file", lambda: self._add(new, sealed_key))

    def _add(self, new: NewFile, sealed_key: str) -> File | None:
        file = File(
            file_id=new.file_id, tenant_id=new.tenant_id, purpose=new.purpose, name=new.name,
            kept_until=new.kept_until, room=new.room, sealed_key=sealed_key, size=0, created_at=NOW, finished_at=None,
        )  # fmt: skip
        self._tables.files.setdefault(new.file_id, file)
        return self._known(new.tenant_id, new.file_id)

    async def file(self, tenant_id: str, file_id: UUID, _within: Within = None) -> File | None:
        return await self._turn("file", lambda: self._known(tenant_id, file_id))

    def _known(self, tenant_id: str, file_id: UUID) -> File | None:
        file = self._tables.files.get(file_id)
        return (
            file if file is not None and file.tenant_id == tenant_id and file_id not in self._tables.deleted else None
        )

    async def append(self, file: File, parts: Sequence[SealedPart], _within: Within = None) -> None:
        await self._turn("append", lambda: self._append(file, parts))

    def _append(self, file: File, parts: Sequence[SealedPart]) -> None:
        known = self._growing(file)
        self._tables.parts.setdefault(file.file_id, []).extend(parts)
        self._tables.files[file.file_id] = replace(known, size=parts[-1].start + parts[-1].size)

    async def finish(self, file: File, kept_until: datetime, _within: Within = None) -> File:
        return await self._turn("finish", lambda: self._finish(file, kept_until))

    def _finish(self, file: File, kept_until: datetime) -> File:
        finished = replace(self._growing(file), finished_at=NOW, kept_until=kept_until, purpose=file.purpose, room=0)
        self._tables.files[file.file_id] = finished
        return finished

    def _growing(self, file: File) -> File:
        known = self._known(file.tenant_id, file.file_id)
        if known is None or known.size != file.size or known.finished_at is not None:
            raise AppendRefusedError
        return known

    async def delete(
        self, tenant_id: str, file_id: UUID, _within: Within = None, *, only_finished: bool = False
    ) -> bool:
        return await self._turn("delete_file", lambda: self._delete(tenant_id, file_id, only_finished))

    def _delete(self, tenant_id: str, file_id: UUID, only_finished: bool) -> bool:
        known = self._known(tenant_id, file_id)
        if known is None or (only_finished and known.finished_at is None):
            return False
        self._tables.deleted.add(file_id)
        return True

    async def parts(self, file_id: UUID, offset: int) -> list[SealedPart]:
        return await self._turn("parts", lambda: self._parts(file_id, offset))

    def _parts(self, file_id: UUID, offset: int) -> list[SealedPart]:
        return [part for part in self._tables.parts.get(file_id, []) if part.start + part.size > offset][:3]

    async def has_objects(self, file_id: UUID) -> bool:
        return any(part.object_name is not None for part in self._tables.parts.get(file_id, []))


class MemoryFileTable(FileTable):
    def __init__(self, tables: FileTables, files: Files, limits: FileLimits) -> None:
        self._tables = tables
        self._files = files
        self._limits = limits

    async def begin(self, new: NewFile, body_bytes: int | None) -> File:
        mine = [file for file in self._visible() if file.tenant_id == new.tenant_id]
        used = sum(max(file.size, file.room) for file in mine)
        file = await self._files.begin(replace(new, room=room_for(self._limits, len(mine), used, body_bytes)))
        assert file is not None
        return file

    async def listed(
        self, tenant_id: str, purpose: Purpose | None, order: Order, after: UUID | None, limit: int
    ) -> list[File]:
        found = sorted(
            (
                file
                for file in self._visible()
                if file.tenant_id == tenant_id and file.finished_at and purpose in (None, file.purpose)
            ),
            key=lambda file: file.file_id,
            reverse=order == "desc",
        )
        ids = [file.file_id for file in found]
        begin = 0 if after is None else bisect(ids, after) if order == "asc" else sum(one >= after for one in ids)
        return found[begin : begin + limit]

    def _visible(self) -> list[File]:
        return [file for file in self._tables.files.values() if file.file_id not in self._tables.deleted]

    async def expire(self, _limit: int) -> int:
        return 0

    async def deleted(self, after: UUID | None, limit: int) -> list[UUID]:
        return [file_id for file_id in sorted(self._tables.deleted) if after is None or file_id > after][:limit]

    async def drop(self, file_id: UUID, _parts_at_once: int) -> None:
        self._tables.parts.pop(file_id, None)
        self._tables.deleted.discard(file_id)
        del self._tables.files[file_id]
