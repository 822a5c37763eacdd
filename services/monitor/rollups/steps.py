"""Pure: the steps of time, and of the length of prompts, by which the books are summed up."""

from datetime import datetime, timedelta
from typing import Literal

Step = Literal["minute", "hour", "day"]

STEPS: dict[Step, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}

# Numbers of input tokens at which a price of genai-prices changes; calls between the same two are summed up together.
# A number may be added: it holds for the minutes that are summed up from then on.
TOKEN_STEPS = (0, 128_000, 200_001, 256_001, 272_001)


def beginning(at: datetime, step: Step) -> datetime:
    """Of the minute, hour or UTC day that holds `at`, which is in UTC."""
    at = at.replace(second=0, microsecond=0)
    if step != "minute":
        at = at.replace(minute=0)
    return at.replace(hour=0) if step == "day" else at


def end(at: datetime, step: Step) -> datetime:
    """`at`, when a minute, hour or UTC day begins then; otherwise the end of the one that holds it."""
    begun = beginning(at, step)
    return begun if begun == at else begun + STEPS[step]
