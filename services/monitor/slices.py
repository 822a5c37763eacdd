"""Pure: parts of a minute. Bookings say which they touch, and busy minutes are summed up by them (decision 0047)."""

from datetime import datetime, timedelta

SLICE = timedelta(seconds=5)


def slice_of(at: datetime) -> datetime:
    """The beginning of the slice that holds `at`."""
    return at.replace(second=at.second // SLICE.seconds * SLICE.seconds, microsecond=0)
