"""What an error of the database means: wait, the values of this one statement are bad, or nobody foresaw it.

Each class of asyncpg's errors is in one of the three by its SQLSTATE, or by the first two characters of it. Only what
is BAD may end as a dead letter: with the same values it would fail for ever, and with other values it would not.
"""

from collections.abc import Iterator
from typing import Literal

import asyncpg

Meaning = Literal["wait", "bad", "unforeseen"]

# By SQLSTATE, where that differs from its class.
_STATES: dict[str, Meaning] = {
    "22000": "bad",
    "2200H": "wait",  # a sequence is used up
    "25006": "wait",  # read-only: demoted, or set so because it is full
    "25P03": "wait",  # a session or transaction that took too long
    "25P04": "wait",
    "55006": "wait",  # an object is in use
    "55P03": "wait",  # a lock was not to be had in time
}

_CLASSES: dict[str, Meaning] = {
    "03": "unforeseen",
    "08": "wait",  # the connection
    "09": "unforeseen",
    "0A": "wait",  # among others a statement that was prepared before a migration
    "0B": "unforeseen",
    "0F": "unforeseen",
    "0L": "wait",  # roles and rights that are not there (yet)
    "0P": "wait",
    "0Z": "unforeseen",
    "10": "unforeseen",
    "20": "unforeseen",
    "21": "unforeseen",
    "22": "bad",  # data, encodings included
    "23": "bad",  # integrity
    "24": "unforeseen",
    "25": "unforeseen",
    "26": "wait",  # a prepared statement that the server, or a pooler before it, has forgotten
    "27": "unforeseen",
    "28": "wait",  # the password or the role is refused
    "2B": "unforeseen",
    "2D": "unforeseen",
    "2F": "unforeseen",
    "34": "unforeseen",
    "38": "unforeseen",
    "39": "unforeseen",
    "3B": "unforeseen",
    "3D": "wait",  # no such database or schema (yet)
    "3F": "wait",
    "40": "wait",  # serialization, deadlock
    "42": "wait",  # a table, column or right that is not there (yet): new code before its migration
    "44": "bad",  # the check of a view
    "53": "wait",  # disk, memory, connections
    "54": "unforeseen",  # also said when no transaction numbers are left
    "55": "unforeseen",
    "57": "wait",  # shut down, starting, cancelled, out of time
    "58": "wait",  # the server's own files
    "72": "wait",
    "F0": "wait",
    "HV": "unforeseen",
    "P0": "unforeseen",
    "XX": "unforeseen",
}

# What Python raises for values that cannot be written in the types or the encoding of a statement or an event;
# pydantic's errors are ValueErrors, orjson's are TypeErrors.
_BAD_VALUES = (ValueError, TypeError, OverflowError, RecursionError)


def meaning_of_state(sqlstate: str | None) -> Meaning:
    if sqlstate is None:
        return "unforeseen"
    return _STATES.get(sqlstate) or _CLASSES.get(sqlstate[:2], "unforeseen")


def meaning(error: Exception) -> Meaning:
    if isinstance(error, asyncpg.PostgresError):
        return meaning_of_state(error.sqlstate)
    if isinstance(error, RETRYABLE):
        return "wait"
    return "bad" if isinstance(error, _BAD_VALUES) else "unforeseen"


def postgres_errors(base: type[asyncpg.PostgresError] = asyncpg.PostgresError) -> Iterator[type[asyncpg.PostgresError]]:
    """Every class of the driver for what a server may say."""
    for error in base.__subclasses__():
        yield error
        yield from postgres_errors(error)


# For `except`: the database is away, full, read-only or not migrated. Try again later: what was asked is in order.
RETRYABLE: tuple[type[Exception], ...] = (
    OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError,
    *(error for error in postgres_errors() if meaning_of_state(error.sqlstate) == "wait"),
)  # fmt: skip
