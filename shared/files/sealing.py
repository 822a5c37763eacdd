"""Parts, sealed under a key of their file; the key is sealed under the key ring.

So a rotation reseals one key for each file, and no part has to be read for it, wherever it lies.
"""

import os
import zlib
from collections.abc import Iterator
from functools import partial
from uuid import UUID

from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_bytes, open_sealed, seal, seal_bytes
from shared.crypto.keys import KEY_BYTES
from shared.files.files import PART_BYTES, File

_KIND = "file_key"
_KID = "file"
_LEVEL = 1  # of JSON lines a third is left; level 6 leaves a tenth less of it, and takes more than twice as long


def new_sealed_key(ring: KeyRing, tenant_id: str, file_id: UUID) -> str:
    return seal(ring, SealedContext(tenant_id, _KIND, str(file_id)), os.urandom(KEY_BYTES))


class PartSealer:
    """Seals and opens the parts of one file. Raises UnreadableSecretError when the file's key cannot be opened."""

    def __init__(self, ring: KeyRing, file: File) -> None:
        key = open_sealed(ring, SealedContext(file.tenant_id, _KIND, str(file.file_id)), file.sealed_key)
        self._ring = KeyRing.of_one(_KID, key)
        self._context = partial(SealedContext, file.tenant_id, f"file/{file.file_id}")

    def seal(self, start: int, data: bytes) -> bytes:
        return seal_bytes(self._ring, self._context(str(start)), zlib.compress(data, _LEVEL))

    def open(self, start: int, size: int, sealed: bytes) -> bytes:
        """The part that begins at `start`, of `size` bytes. Raises UnreadableSecretError for any other."""
        packed = open_bytes(self._ring, self._context(str(start)), sealed)
        data = zlib.decompressobj().decompress(packed, size + 1)
        if len(data) != size:
            raise UnreadableSecretError(f"it is not of {size} bytes")
        return data


def pieces(data: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Parts of at most PART_BYTES, each with where it begins."""
    for offset in range(0, len(data), PART_BYTES):
        yield start + offset, data[offset : offset + PART_BYTES]
