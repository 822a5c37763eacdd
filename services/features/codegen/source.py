"""Pure: where a repository comes from, as a request says it, and how much of it is read."""

import base64
import binascii
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from shared.errors import TallygateError

_SMALLER = ("Leave out what is not source code, or send only the files that matter.",)


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """max_file_bytes, max_files, max_total_bytes: of text that is read; what is beyond is left out, with the reason.

    The others end the reading. max_unpacked_bytes, max_archive_ratio: what may come out of an archive, and how many
    times its own size. max_entries: names in an archive or a commit; max_folders and max_path_chars: the different
    folders of all paths, and the paths together. max_clone_bytes: on disk, compressed, with what is not read
    afterwards.
    """

    max_files: int = 5_000
    max_file_bytes: int = 400_000
    max_total_bytes: int = 20_000_000
    max_archive_bytes: int = 20_000_000
    max_unpacked_bytes: int = 100_000_000
    max_archive_ratio: int = 100  # text rarely exceeds 20, bombs begin at 1,000
    max_entries: int = 50_000
    max_folders: int = 50_000
    max_path_chars: int = 4_000_000
    max_clone_bytes: int = 200_000_000
    clone_timeout_s: float = 60.0
    clone_depth: int = 1


class GitSource(BaseModel):
    """A public repository. ref: branch, tag or whole commit id; None is the default branch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(min_length=1, max_length=2048)
    ref: str | None = Field(default=None, min_length=1, max_length=255)


class ArchiveSource(BaseModel):
    """A zip, tar, tar.gz, tar.bz2 or tar.xz."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    archive_b64: str = Field(min_length=1)


class GivenFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(min_length=1, max_length=1024)
    content: str


class FilesSource(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[GivenFile, ...] = Field(min_length=1, max_length=5_000)


Source: TypeAlias = GitSource | ArchiveSource | FilesSource


def archive_bytes(source: ArchiveSource, limits: ReadLimits) -> bytes:
    """Raises TallygateError: payload_too_large, before anything is decoded, or invalid_request."""
    if len(source.archive_b64) > limits.max_archive_bytes * 3 // 2:
        raise too_large(f"the archive is larger than {limits.max_archive_bytes} bytes")
    try:
        data = base64.b64decode("".join(source.archive_b64.split()), validate=True)
    except (binascii.Error, ValueError):
        raise TallygateError("invalid_request", "archive is not base64") from None
    if len(data) > limits.max_archive_bytes:
        raise too_large(f"the archive is larger than {limits.max_archive_bytes} bytes")
    return data


def too_large(detail: str) -> TallygateError:
    return TallygateError("payload_too_large", detail, title="The repository is too large", tips=_SMALLER)
