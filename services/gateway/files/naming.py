"""Pure: what may be said of a file, and how it is shown."""

from datetime import datetime, timedelta
from typing import Any, get_args

from services.gateway.bodies import InvalidBodyError
from shared.files import File, Purpose, file_name_of

_PURPOSES: tuple[Purpose, ...] = ("batch",)  # that uploads may have; others are given to what we write
_MOST_NAME_CHARS = 255
_LEAST_S, _MOST_S = 3600, 2_592_000  # as OpenAI has it
_UNNAMED = "upload"


def purpose_of(text: str | None) -> Purpose:
    """Raises InvalidBodyError."""
    for purpose in _PURPOSES:
        if text == purpose:
            return purpose
    of_ours = text in get_args(Purpose)
    raise InvalidBodyError(
        "is missing" if text is None else "is given to files that we write" if of_ours else "must be batch", "purpose"
    )


def name_of(filename: str) -> str:
    """Without the folders that some clients send. Raises InvalidBodyError."""
    name = filename.replace("\\", "/").rpartition("/")[2].strip() or _UNNAMED
    if len(name) > _MOST_NAME_CHARS:
        raise InvalidBodyError(f"the file's name is longer than {_MOST_NAME_CHARS} characters", "file")
    if not name.isprintable():
        raise InvalidBodyError("the file's name holds characters that cannot be shown", "file")
    return _UNNAMED if name in {".", ".."} else name


def kept_until(now: datetime, retention_s: float, anchor: str | None, seconds: str | None) -> datetime:
    """When it is deleted: `expires_after`, where that is sooner than what is kept. Raises InvalidBodyError."""
    if anchor is None and seconds is None:
        return now + timedelta(seconds=retention_s)
    if anchor != "created_at":
        raise InvalidBodyError("must be created_at", "expires_after.anchor")
    asked_s = int(seconds) if seconds is not None and seconds.isascii() and seconds.isdecimal() else 0
    if not _LEAST_S <= asked_s <= _MOST_S:
        raise InvalidBodyError(f"must be a number from {_LEAST_S} to {_MOST_S}", "expires_after.seconds")
    return now + timedelta(seconds=min(asked_s, retention_s))


def shown_file(file: File) -> dict[str, Any]:
    """As OpenAI's clients read it."""
    return {
        "id": file_name_of(file.file_id),
        "object": "file",
        "bytes": file.size,
        "created_at": int(file.created_at.timestamp()),
        "expires_at": int(file.kept_until.timestamp()),
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }
