"""Pure: which rows lie in the partition of a day, and which days there should be.

A UUIDv7 begins with its time in milliseconds, so the ids of one day are a range.
"""

import re
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

DAYS_AHEAD = 7  # the monitors may be away for so long, and ids may come from clocks that are ahead


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def first_id(day: date) -> UUID:
    """No UUIDv7 that was made on that UTC day, or later, is less."""
    return UUID(int=int(midnight(day).timestamp() * 1000) << 80)


def partition_name(table: str, day: date) -> str:
    return f"{table}_{day:%Y%m%d}"


def day_of_partition(table: str, name: str) -> date | None:
    """None: it is not the partition of one day."""
    found = re.fullmatch(rf"{table}_(\d{{4}})(\d\d)(\d\d)", name)
    return date(*map(int, found.groups())) if found else None


def days_to_make(made: Collection[date], since: date, today: date) -> list[date]:
    """Today and the days ahead that have no partition yet; none before `since`."""
    wanted = (today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1))
    return [day for day in wanted if day >= since and day not in made]


def days_to_drop(made: Iterable[date], kept_from: datetime) -> list[date]:
    return sorted(day for day in made if midnight(day + timedelta(days=1)) <= kept_from)


def keep_from(now: datetime, days: int) -> datetime:
    """What is older than so many whole UTC days, and today, is dropped."""
    return midnight(now.astimezone(UTC).date() - timedelta(days=days))
