"""How large the fields of an event may be: whatever comes from outside is refused when it is larger.

What is read can then be worked on: times can be added to, numbers fit the columns of the books, texts can be stored.
"""

from datetime import UTC, date, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, JsonValue

# The record bounds what is read; what is made here must come as far as the check of its size, which says why.
MAX_SEALED_CHARS = 256 * 1024 * 1024
MAX_LIFE_DAYS = 7  # from acceptance to the deadline
REPLY_PARTITIONS = 64

D = TypeVar("D", bound=date)


def _in_our_time(value: D) -> D:
    if not 2000 <= value.year < 2200:
        raise ValueError("the year must be between 2000 and 2199")
    return value


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("it must hold no NUL")
    return text


MAX_NAME, MAX_WORDS = 600, 4000
_NO_NUL = r"^[^\x00]*$"  # PostgreSQL cannot store it

_OUR_TIME: dict[str, JsonValue] = {"formatMinimum": "2000-01-01", "formatMaximum": "2199-12-31"}

Instant = Annotated[AwareDatetime, AfterValidator(_in_our_time), Field(json_schema_extra=_OUR_TIME)]
Day = Annotated[date, AfterValidator(_in_our_time), Field(json_schema_extra=_OUR_TIME)]
Name = Annotated[str, Field(max_length=MAX_NAME, pattern=_NO_NUL)]  # of models, processes, providers, keys


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


# An integer as JSON has it: 2.0 is one too.
Integral = BeforeValidator(_whole)

Reference = Annotated[str, Field(max_length=256, pattern=_NO_NUL)]  # to a model, as a caller writes it
Address = Annotated[str, Field(max_length=3000, pattern=_NO_NUL)]
Words = Annotated[str, Field(max_length=MAX_WORDS, pattern=_NO_NUL)]
# Megabytes: a pattern would take milliseconds for what a search for one character finds at once.
Sealed = Annotated[str, Field(max_length=MAX_SEALED_CHARS), AfterValidator(_without_nul)]
Count = Annotated[int, Field(ge=0, lt=2**31)]
LargeCount = Annotated[int, Field(ge=0, lt=2**63)]
Turn = Annotated[int, Field(ge=1, le=1_000_000)]  # from 1: of deliveries and attempts
Partition = Annotated[int, Field(ge=0, lt=100_000)]
ReplyPartition = Annotated[int, Field(ge=0, lt=REPLY_PARTITIONS)]
Seconds = Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]
Usd = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
# Of model ids. Each is held against every model of a tenant, so there are few, with few places that may be anything.
FEW_STARS = r"^[^*\x00]*(\*[^*\x00]*){0,16}$"
Patterns = Annotated[tuple[Annotated[str, Field(max_length=256, pattern=FEW_STARS)], ...], Field(max_length=100)]
# Headers of a caller, names in lower case: what an HTTP header can hold, and no more than callers send.
PassedHeaders = Annotated[
    tuple[
        tuple[
            Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9-]+$")],
            Annotated[str, Field(max_length=2000, pattern=r"^[\x20-\x7e]*$")],
        ],
        ...,
    ],
    Field(max_length=8),
]

# What a caller says of its own requests, to find them again: in the clear, and no content.
MOST_TAGS = 16
SESSION, TAG_NAME, TAG_VALUE = r"[A-Za-z0-9_.:-]{1,128}", r"[A-Za-z0-9_.-]{1,64}", r"[\x20-\x7e]{1,256}"
Session = Annotated[str, Field(max_length=128, pattern=f"^{SESSION}$")]
TagName = Annotated[str, Field(max_length=64, pattern=f"^{TAG_NAME}$")]
TagValue = Annotated[str, Field(max_length=256, pattern=f"^{TAG_VALUE}$")]
Tags = Annotated[dict[TagName, TagValue], Field(max_length=MOST_TAGS)]


def cut(text: str, most: int) -> str:
    """What others wrote, so that it fits a field of an event."""
    return text.replace("\x00", "")[:most]


def instant_of(timestamp_ms: int) -> datetime | None:
    """A record's own timestamp, which its producer chose; None when it is of no time of ours."""
    try:
        return _in_our_time(datetime.fromtimestamp(timestamp_ms / 1000, UTC))
    except (ValueError, OverflowError, OSError):
        return None
