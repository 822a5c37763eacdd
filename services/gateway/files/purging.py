"""Deletes the parts of files that were deleted, are not to be kept any longer, or were never finished."""

from uuid import UUID

import structlog

from services.gateway.files.store import FileTable
from services.gateway.instruments import files_purged
from shared.background import Periodic
from shared.db.failures import RETRYABLE
from shared.errors import TallygateError
from shared.files import Files, file_name_of

logger = structlog.get_logger(__name__)

_EVERY_S = 60.0
_FILES = 500  # of one statement
_PARTS = 100  # of one statement, up to 25 MiB of them


class Purging(Periodic):
    """Every gateway does it; two that do the same file are in nobody's way. `wake` has it done at once."""

    def __init__(self, files: Files, table: FileTable) -> None:
        super().__init__("delete files", self._purge, _EVERY_S, RETRYABLE, at_once=False)
        self._files = files
        self._table = table

    async def _purge(self) -> None:
        while await self._table.expire(_FILES) == _FILES:
            pass
        last = None
        while found := await self._table.deleted(last, _FILES):
            for file_id in found:
                await self._drop(file_id)
            last = found[-1]

    async def _drop(self, file_id: UUID) -> None:
        try:
            if await self._files.delete_objects(file_id):
                await self._table.drop(file_id, _PARTS)
                files_purged.labels("done").inc()
            else:
                _failed(file_id, "it lies in an object store, and TALLYGATE_FILES names none")
        except TallygateError as error:  # the object store is away
            _failed(file_id, error.failure.detail)


def _failed(file_id: UUID, reason: str) -> None:
    """The next round tries again."""
    logger.warning("file.not_deleted", file=file_name_of(file_id), reason=reason)
    files_purged.labels("failed").inc()
