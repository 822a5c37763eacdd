"""Write and read files, with memory that does not grow with them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from shared.crypto import KeyRing, UnreadableSecretError
from shared.errors import TallygateError
from shared.files.files import File, Line, NewFile, SealedPart, file_name_of
from shared.files.lines import LineReader
from shared.files.sealing import PartSealer, new_sealed_key, pieces
from shared.files.store import FileStore, Within


class Objects(Protocol):
    """What is needed of an ObjectStore, whose methods say what they promise."""

    async def put(self, file_id: UUID, start: int, data: bytes) -> str: ...
    async def get(self, name: str) -> bytes | None: ...
    async def delete_all(self, file_id: UUID) -> None: ...


class Files:
    """objects: where parts lie; None for the table. within: a connection in a transaction, of whose other writes this
    is to be a part."""

    def __init__(self, store: FileStore, ring: KeyRing, objects: Objects | None = None) -> None:
        self._store = store
        self._ring = ring
        self._objects = objects

    async def begin(self, new: NewFile, within: Within = None) -> File | None:
        """The file as it stands, with what is in it already when one of this id was begun before; its `size` is where
        to go on. None when that one was deleted."""
        return await self._store.add(new, new_sealed_key(self._ring, new.tenant_id, new.file_id), within)

    async def file(self, tenant_id: str, file_id: UUID) -> File | None:
        """Also one that is not finished."""
        return await self._store.file(tenant_id, file_id)

    async def sealed(self, file: File, data: bytes) -> list[SealedPart]:
        """What `append` takes: the next bytes of the file, some MiB at most. Nothing of the file changes by this."""
        sealer = self._sealer(file)
        return [await self._sealed(file, sealer, *piece) for piece in pieces(data, file.size)]

    async def append(self, file: File, parts: Sequence[SealedPart], within: Within = None) -> File:
        """The file with these parts, all of them or none. Raises AppendRefusedError when it does not stand any more
        where they begin, also when they were appended before."""
        if not parts:
            return file
        await self._store.append(file, parts, within)
        return replace(file, size=parts[-1].start + parts[-1].size)

    async def finish(self, file: File, kept_until: datetime, within: Within = None) -> File:
        """From now on it is seen, with the purpose that is given, and nothing is appended. Raises AppendRefusedError
        when it does not stand as given, or was finished before."""
        return await self._store.finish(file, kept_until, within)

    async def delete(self, file: File, within: Within = None) -> bool:
        """Finished or not. False when it was deleted before."""
        return await self._store.delete(file.tenant_id, file.file_id, within)

    async def content(self, file: File, offset: int = 0) -> AsyncIterator[bytes]:
        """The bytes from there to the size of `file`, part by part. Raises TallygateError when a part is missing (it
        was deleted meanwhile) or is not as it was written."""
        sealer = self._sealer(file)
        while offset < file.size:
            parts = await self._store.parts(file.file_id, offset)
            if not parts:
                raise _gone(file)
            for part in parts:
                if not part.start <= offset < part.start + part.size:
                    raise _damaged(file, f"no part has byte {offset}")
                data = await self._opened(file, sealer, part)
                yield data[offset - part.start : file.size - part.start]
                offset = part.start + part.size

    async def lines(self, file: File, offset: int = 0, longest: int = 4 * 1024 * 1024) -> AsyncGenerator[Line]:
        """The lines from `offset` on, where one must begin; empty ones too. longest: bytes of a line that are held;
        of a longer one only its place is told."""
        reader = LineReader(offset, longest)
        async for data in self.content(file, offset):
            for line in reader.add(data):
                yield line
        for line in reader.end():
            yield line

    async def delete_objects(self, file_id: UUID) -> bool:
        """Of a file that was deleted. False when there may be some and TALLYGATE_FILES names no object store. Raises
        TallygateError while that cannot be reached."""
        if self._objects is None:
            return not await self._store.has_objects(file_id)
        await self._objects.delete_all(file_id)
        return True

    def _sealer(self, file: File) -> PartSealer:
        try:
            return PartSealer(self._ring, file)
        except UnreadableSecretError as error:
            raise _damaged(file, str(error)) from None

    async def _sealed(self, file: File, sealer: PartSealer, start: int, data: bytes) -> SealedPart:
        sealed = await asyncio.to_thread(sealer.seal, start, data)
        if self._objects is None:
            return SealedPart(start, len(data), sealed, None)
        return SealedPart(start, len(data), None, await self._objects.put(file.file_id, start, sealed))

    async def _opened(self, file: File, sealer: PartSealer, part: SealedPart) -> bytes:
        sealed = await self._bytes_of(file, part)
        try:
            return await asyncio.to_thread(sealer.open, part.start, part.size, sealed)
        except UnreadableSecretError as error:
            raise _damaged(file, str(error)) from None

    async def _bytes_of(self, file: File, part: SealedPart) -> bytes:
        if part.object_name is None:
            return part.sealed or b""
        if self._objects is None:
            raise _damaged(file, "it lies in an object store, and TALLYGATE_FILES names none")
        data = await self._objects.get(part.object_name)
        if data is None:
            raise _damaged(file, "the object store has lost a part of it")
        return data


def _gone(file: File) -> TallygateError:
    return TallygateError("invalid_request", f"{file_name_of(file.file_id)} was deleted meanwhile", http_status=404)


def _damaged(file: File, why: str) -> TallygateError:
    return TallygateError("internal", f"{file_name_of(file.file_id)} cannot be read: {why}")
