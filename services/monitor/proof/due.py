"""Pure: which days are to be sealed now."""

from collections.abc import Mapping, Set
from datetime import UTC, date, datetime, timedelta

from services.monitor.retention.days import midnight

LATE_EVERY = timedelta(hours=6)  # what is booked of a sealed day is sealed with what else comes within this time


def days_due(
    first: date | None, sealed: Mapping[date, datetime], late: Set[date], kept_from: datetime, now: datetime,
    after: timedelta,
) -> list[date]:  # fmt: skip
    """The oldest first. first: of which there is something. sealed: when each day was last. late: days of which
    something was booked since. after: a day is over for so long before it is sealed."""
    begins = min([*sealed, *([first] if first else [])], default=None)
    if begins is None:
        return []
    begins, today = max(begins, kept_from.astimezone(UTC).date()), now.astimezone(UTC).date()
    days = [begins + timedelta(days=n) for n in range((today - begins).days)]
    return [day for day in days if _is_due(day, sealed.get(day), day in late, now, after)]


def ready_at(day: date, after: timedelta) -> datetime:
    return midnight(day + timedelta(days=1)) + after


def _is_due(day: date, sealed_at: datetime | None, is_late: bool, now: datetime, after: timedelta) -> bool:
    if now < ready_at(day, after):
        return False
    if sealed_at is None or sealed_at < ready_at(day, after):
        return True
    return is_late and sealed_at <= now - LATE_EVERY
