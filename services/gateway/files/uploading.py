"""An upload, from its bytes to a file. Whatever ends it early, nothing of it is seen or counts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from services.gateway.bodies import InvalidBodyError
from services.gateway.files.form import FORM_BYTES, FileBegins, FormField, FormReader, Piece
from services.gateway.files.naming import kept_until, name_of, purpose_of
from services.gateway.files.store import FileTable, too_much_stored
from services.gateway.instruments import file_bytes
from services.gateway.quotas import FileLimits
from shared.db.failures import RETRYABLE
from shared.errors import TallygateError
from shared.events import new_id, utc_now
from shared.files import PART_BYTES, AppendRefusedError, File, Files, NewFile

_FILE = "file"
_FORGOTTEN_AFTER_S = 300.0  # past its time, an upload is deleted whose gateway has not done it
_RAISE_SIZE = "Send less in one file; an operator can raise TALLYGATE_MAX_FILE_BYTES."
_RAISE_TIME = "Send it at once; an operator can raise TALLYGATE_FILE_UPLOAD_TIMEOUT_S."


class Uploads:
    """retention_s: for which files are kept. timeout_s: for one upload. discarded: called when there are parts to be
    deleted of a file that was begun in vain."""

    def __init__(
        self, files: Files, table: FileTable, limits: FileLimits, retention_s: float, timeout_s: float,
        discarded: Callable[[], None],
    ) -> None:  # fmt: skip
        self.files = files
        self.table = table
        self.limits = limits
        self.retention_s = retention_s
        self.timeout_s = timeout_s
        self.discarded = discarded

    async def upload(
        self, tenant_id: str, content_type: str, body_bytes: int | None, body: AsyncIterator[bytes]
    ) -> File:
        """body_bytes: of the whole body, when that is known. Raises TallygateError."""
        form = FormReader(content_type)
        if body_bytes is not None and body_bytes > self.limits.file_bytes + FORM_BYTES:
            raise _too_large(self.limits)
        upload = _Upload(self, tenant_id, form, body_bytes)
        try:
            async with asyncio.timeout(self.timeout_s) as time:
                return await upload.read(body)
        except TimeoutError:
            if not time.expired():  # the database's
                raise
            detail = f"the file did not come within {self.timeout_s:g} s"
            raise TallygateError("invalid_request", detail, http_status=408, tips=(_RAISE_TIME,)) from None
        except AppendRefusedError:  # this process stood still, and another has deleted it as forgotten
            raise TallygateError("unavailable", "the upload was given up meanwhile; send it again") from None
        finally:
            await upload.discard_unfinished()


class _Upload:
    def __init__(self, uploads: Uploads, tenant_id: str, form: FormReader, body_bytes: int | None) -> None:
        self._uploads = uploads
        self._tenant_id = tenant_id
        self._form = form
        self._body_bytes = body_bytes
        self._began_at = utc_now()
        self._read = 0
        self._fields: dict[str, str] = {}
        self._file: File | None = None  # as far as it is stored
        self._held = bytearray()  # what is not

    async def read(self, body: AsyncIterator[bytes]) -> File:
        async for data in body:
            self._read += len(data)
            for piece in self._form.add(data):
                await self._take(piece)
            if self._read > self._size + FORM_BYTES:
                raise TallygateError("payload_too_large", "the form has too much beside its file", tips=())
        self._form.end()
        return await self._finish()

    async def discard_unfinished(self) -> None:
        """What cannot be deleted now is deleted as forgotten."""
        if self._file is not None and self._file.finished_at is None:
            with suppress(*RETRYABLE):
                await self._uploads.files.delete(self._file)
            self._uploads.discarded()

    @property
    def _size(self) -> int:
        return len(self._held) + (0 if self._file is None else self._file.size)

    async def _take(self, piece: Piece) -> None:
        match piece:
            case FormField(name, value):
                self._fields[name] = value
            case FileBegins(name, filename):
                await self._begin(name, filename)
            case bytes():
                await self._add(piece)

    async def _begin(self, name: str, filename: str) -> None:
        if name != _FILE:
            raise InvalidBodyError(f"a file must be in the field {_FILE!r}", _FILE)
        if self._file is not None:
            raise InvalidBodyError("the form has more than one file", _FILE)
        if "purpose" in self._fields:  # otherwise it may come after the file
            purpose_of(self._fields["purpose"])
        deleted_at = self._began_at + timedelta(seconds=self._uploads.timeout_s + _FORGOTTEN_AFTER_S)
        new = NewFile(
            file_id=new_id(), tenant_id=self._tenant_id, purpose="batch", name=name_of(filename), kept_until=deleted_at
        )
        self._file = await self._uploads.table.begin(new, self._body_bytes)

    async def _add(self, data: bytes) -> None:
        self._held += data
        if self._file is not None and self._size > self._file.room:
            limits = self._uploads.limits
            raise _too_large(limits) if self._file.room == limits.file_bytes else too_much_stored(limits)
        while len(self._held) >= PART_BYTES:
            await self._store(bytes(self._held[:PART_BYTES]))
            del self._held[:PART_BYTES]

    async def _store(self, data: bytes) -> None:
        file, files = self._known, self._uploads.files
        self._file = await files.append(file, await files.sealed(file, data))
        file_bytes.labels("stored").inc(len(data))

    async def _finish(self) -> File:
        purpose = purpose_of(self._fields.get("purpose"))
        expiry = (self._fields.get("expires_after[anchor]"), self._fields.get("expires_after[seconds]"))
        until = kept_until(utc_now(), self._uploads.retention_s, *expiry)
        if not self._size:
            raise InvalidBodyError("the file is empty" if self._file else "is missing", _FILE)
        await self._store(bytes(self._held))
        self._held.clear()
        self._file = await self._uploads.files.finish(replace(self._known, purpose=purpose), until)
        return self._file

    @property
    def _known(self) -> File:
        if self._file is None:
            raise RuntimeError("no file has begun")
        return self._file


def _too_large(limits: FileLimits) -> TallygateError:
    detail = f"the file is larger than {limits.file_bytes} bytes"
    return TallygateError("payload_too_large", detail, tips=(_RAISE_SIZE,))
