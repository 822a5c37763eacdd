"""The time of day, the same on all machines: as a server that all of them ask has told it, carried on by this process's
monotonic clock. Until it is told, the machine's own clock (decision 0024)."""

import time
from datetime import UTC, datetime, timedelta
from typing import NamedTuple


class _Told(NamedTuple):
    at: datetime
    monotonic_s: float


_told: list[_Told] = []  # the last one, of the whole process


def utc_now() -> datetime:
    if not _told:
        return datetime.now(UTC)
    [(at, monotonic_s)] = _told
    return at + timedelta(seconds=time.monotonic() - monotonic_s)


def tell(at: datetime, monotonic_s: float) -> None:
    """It was `at` when this process's monotonic clock stood at monotonic_s."""
    _told[:] = [_Told(at, monotonic_s)]


def forget() -> None:
    """The machine's own clock counts again."""
    _told.clear()
