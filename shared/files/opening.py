"""Files as the settings say."""

from shared.crypto import KeyRing
from shared.db.pool import Pool
from shared.files.library import Files, Objects
from shared.files.settings import FileSettings
from shared.files.store import FileStore


def open_files(settings: FileSettings, pool: Pool, ring: KeyRing) -> Files:
    return Files(FileStore(pool), ring, _objects(settings))


def _objects(settings: FileSettings) -> Objects | None:
    if settings.files == "postgres":
        return None
    from shared.files.object_store import ObjectStore  # its client is loaded where it is used

    return ObjectStore(settings)
