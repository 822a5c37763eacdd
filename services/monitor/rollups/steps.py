"""Pure: the steps of time, and of the length of prompts, by which the books are summed up."""

from datetime import datetime, timedelta
from typing import Literal

Step = Literal["minute", "hour", "day", "month"]

STEPS: tuple[Step, ...] = ("minute", "hour", "day", "month")
Level = Literal["slice"] | Step  # what there are sums by; a slice is a part of a minute that runs
SUMMED_FROM: dict[Step, Step] = {"hour": "minute", "day": "hour", "month": "day"}
MINUTE = timedelta(minutes=1)

_LENGTHS: dict[Step, timedelta] = {"minute": MINUTE, "hour": timedelta(hours=1), "day": timedelta(days=1)}
_A_MONTH_AND_MORE = timedelta(days=31)

# Numbers of input tokens at which a price of genai-prices changes; calls between the same two are summed up together.
# A number may be added: it holds for the minutes that are summed up from then on.
TOKEN_STEPS = (0, 128_000, 200_001, 256_001, 272_001)


def beginning(at: datetime, step: Step) -> datetime:
    """Of the minute, hour, UTC day or month that holds `at`, which is in UTC."""
    if step == "minute":
        return at.replace(second=0, microsecond=0)
    if step == "hour":
        return at.replace(minute=0, second=0, microsecond=0)
    at = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return at if step == "day" else at.replace(day=1)


def following(begun: datetime, step: Step) -> datetime:
    """The beginning of the next one, which is the end of the one that begins at `begun`."""
    return (begun + _A_MONTH_AND_MORE).replace(day=1) if step == "month" else begun + _LENGTHS[step]


def end(at: datetime, step: Step) -> datetime:
    """`at`, when a minute, hour, UTC day or month begins then; otherwise the end of the one that holds it."""
    begun = beginning(at, step)
    return begun if begun == at else following(begun, step)


def last_over(at: datetime, step: Step) -> datetime:
    """The beginning of the last one that is over at `at`."""
    return beginning(beginning(at, step) - MINUTE, step)
