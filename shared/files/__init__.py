"""Files of tenants: sealed, in bounded parts, in PostgreSQL or an object store (decision 0042).

A file grows by parts that are appended in order, and is fixed and visible once it is finished.
"""

from shared.files.files import PART_BYTES, AppendRefusedError, File, Line, NewFile, Purpose, file_id_in, file_name_of
from shared.files.library import Files
from shared.files.opening import open_files
from shared.files.settings import FileSettings
from shared.files.store import FileStore

__all__ = [
    "PART_BYTES",
    "AppendRefusedError",
    "File",
    "FileSettings",
    "FileStore",
    "Files",
    "Line",
    "NewFile",
    "Purpose",
    "file_id_in",
    "file_name_of",
    "open_files",
]
