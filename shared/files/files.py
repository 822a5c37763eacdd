"""What a file is."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

PART_BYTES = 256 * 1024  # of a part, before it is compressed

Purpose = Literal["batch", "batch_output"]

_PREFIX = "file-"


class AppendRefusedError(Exception):
    """The file does not stand where the parts begin: another has appended, finished or deleted it meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """file_id: by `new_id`, as files are listed in the order of their ids. kept_until: when it is deleted, also when it
    was never finished. room: bytes that it may come to have, which count as its tenant's from the beginning."""

    file_id: UUID
    tenant_id: str
    purpose: Purpose
    name: str
    kept_until: datetime
    room: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class File(NewFile):
    """size: bytes so far, before they were compressed; what is appended next begins there. sealed_key: of the key that
    its parts are sealed under. finished_at: None while it grows, and cannot be seen by its tenant."""

    sealed_key: str = field(repr=False)
    size: int
    created_at: datetime
    finished_at: datetime | None


class SealedPart(NamedTuple):
    """start: where it begins in its file. size: before it was compressed. sealed: None when it lies in the object
    store, under the name `object_name`."""

    start: int
    size: int
    sealed: bytes | None
    object_name: str | None


class Line(NamedTuple):
    """start, end: where it begins in its file, and where the next one does. text: without its line break; None when
    it is longer than was asked for."""

    start: int
    end: int
    text: bytes | None


def file_name_of(file_id: UUID) -> str:
    """The id that callers know."""
    return _PREFIX + file_id.hex


def file_id_in(text: str) -> UUID | None:
    """None for what is no id of a file of ours."""
    try:
        return UUID(hex=text.removeprefix(_PREFIX)) if text.startswith(_PREFIX) else None
    except ValueError:
        return None
