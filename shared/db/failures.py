"""What an error of the database means. One table, by SQLSTATE, of all that the driver knows (decision 0025).

- wait: the server cannot do it now, and will by itself.
- stop: something is configured otherwise than this version needs, and somebody must mend it; `advice` says how. A
  service that starts ends with that sentence; one that runs waits, and says it in its log and at `/readyz`.
- bad: the values of this one statement. With the same values it would fail for ever, and with others it would not.
  Only this may end as a dead letter.
- unforeseen: a statement of ours is wrong, or the server itself is. Nothing is given up for it.
"""

from collections.abc import Iterator
from typing import Literal

import asyncpg

Meaning = Literal["wait", "stop", "bad", "unforeseen"]

# By SQLSTATE, where that differs from its class.
_STATES: dict[str, Meaning] = {
    "2200H": "stop",  # a sequence is used up
    "25006": "wait",  # read-only: demoted, or set so because it is full
    "25P03": "wait",  # a session or transaction that took too long
    "25P04": "wait",
    "42P10": "wait",  # ON CONFLICT finds no unique index: a statement of before a migration, or after it
    "XX001": "stop",  # a table or an index is damaged
    "XX002": "stop",
}

_CLASSES: dict[str, Meaning] = {
    "03": "unforeseen",
    "08": "wait",  # the connection
    "09": "unforeseen",
    "0A": "wait",  # among others a statement that was prepared before a migration
    "0B": "unforeseen",
    "0F": "unforeseen",
    "0L": "stop",  # roles and rights
    "0P": "stop",
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
    "28": "stop",  # the password or the role is refused
    "2B": "unforeseen",
    "2D": "unforeseen",
    "2F": "unforeseen",
    "34": "unforeseen",
    "38": "unforeseen",
    "39": "unforeseen",
    "3B": "unforeseen",
    "3D": "stop",  # no such database or schema
    "3F": "stop",
    "40": "wait",  # serialization, deadlock
    "42": "stop",  # a table, column or right that is not there: new code before its migration, a right revoked
    "44": "bad",  # the check of a view
    "53": "wait",  # disk, memory, connections
    "54": "bad",  # a row, an index entry or JSON too large or too deep
    "55": "wait",  # in use or locked by others; a database that takes no connections
    "57": "wait",  # shut down, starting, cancelled, out of time
    "58": "wait",  # the server's own files
    "72": "wait",
    "F0": "stop",
    "HV": "unforeseen",
    "P0": "unforeseen",
    "XX": "unforeseen",
}

# Errors that the driver raises by itself. A class stands for those below it that are not named.
_CLIENT: dict[type[Exception], Meaning] = {
    asyncpg.InterfaceError: "wait",  # a connection that is closed, or in the middle of something
    asyncpg.InternalClientError: "wait",
    asyncpg.exceptions.ClientConfigurationError: "stop",
    asyncpg.exceptions.UnsupportedClientFeatureError: "stop",
    asyncpg.exceptions.UnsupportedServerFeatureError: "stop",
    asyncpg.exceptions.OutdatedSchemaCacheError: "wait",
    asyncpg.exceptions.ProtocolError: "wait",
    asyncpg.exceptions.TargetServerAttributeNotMatched: "wait",  # no server of that kind is there (yet)
}

# What somebody must do, by SQLSTATE or its class.
_ADVICE = {
    "0L": "give the role of DATABASE_URL its rights",
    "0P": "give the role of DATABASE_URL its rights",
    "2200H": "a sequence is used up: ALTER SEQUENCE",
    "25006": "the database is read-only: DATABASE_URL must name the primary, and it must have room on its disk",
    "28": "correct user and password in DATABASE_URL",
    "3D": "create the database that DATABASE_URL names",
    "42501": "give the role of DATABASE_URL the right again: GRANT",
    "53100": "the database's disk is full",
    "53300": "the database has too many connections: max_connections there, DATABASE_POOL_SIZE here",
    "F0": "correct the configuration of the database server",
    "XX001": "the database is damaged: REINDEX, or restore it",
    "XX002": "the database is damaged: REINDEX, or restore it",
}
_MIGRATE = "run: tallygate migrate"

# What Python raises for values that cannot be written in the types or the encoding of a statement or an event;
# pydantic's errors are ValueErrors, orjson's are TypeErrors.
_BAD_VALUES = (ValueError, TypeError, OverflowError, RecursionError)


def meaning_of_state(sqlstate: str | None) -> Meaning:
    if sqlstate is None:
        return "unforeseen"
    return _STATES.get(sqlstate) or _CLASSES.get(sqlstate[:2], "unforeseen")


def meaning(error: Exception) -> Meaning:
    if isinstance(error, asyncpg.PostgresError):
        return "wait" if _lacks_partition(error) else meaning_of_state(error.sqlstate)
    for kind in type(error).__mro__:
        if (found := _CLIENT.get(kind)) is not None:
            return found
    if isinstance(error, OSError | TimeoutError):
        return "wait"
    return "bad" if isinstance(error, _BAD_VALUES) else "unforeseen"


def advice(error: Exception) -> str | None:
    """What mends it, as a clause. None where only time does, or where nobody knows."""
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate is not None:
        found = _ADVICE.get(error.sqlstate) or _ADVICE.get(error.sqlstate[:2])
        if found is None and meaning(error) == "stop":
            return _MIGRATE
        return found
    return "correct DATABASE_URL" if meaning(error) == "stop" else None


def described(error: Exception) -> str:
    """Its class, with what mends it. The server's own words may quote values, so they are left out."""
    told = type(error).__name__
    return f"{told}; {mend}" if (mend := advice(error)) is not None else told


def _lacks_partition(error: asyncpg.PostgresError) -> bool:
    """No partition is there for the row: the server says it with the SQLSTATE of a CHECK, and names no constraint."""
    return isinstance(error, asyncpg.CheckViolationError) and getattr(error, "constraint_name", None) is None


def postgres_errors(base: type[asyncpg.PostgresError] = asyncpg.PostgresError) -> Iterator[type[asyncpg.PostgresError]]:
    """Every class of the driver for what a server may say."""
    for error in base.__subclasses__():
        yield error
        yield from postgres_errors(error)


# For `except`: the database is away, full, read-only, or not as this version needs it. What was asked is in order.
RETRYABLE: tuple[type[Exception], ...] = (
    OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError,
    *(error for error in postgres_errors() if meaning_of_state(error.sqlstate) in {"wait", "stop"}),
)  # fmt: skip

# For `except`, where one is expected.
TIMED_OUT = (TimeoutError, asyncpg.QueryCanceledError)  # a statement took longer than it may
UNSTORABLE = (asyncpg.DataError, asyncpg.ProgramLimitExceededError)  # what a caller sent cannot be stored
UnknownReferenceError = asyncpg.ForeignKeyViolationError  # a row names one that does not exist, or is named by one
BadAddressError = asyncpg.exceptions.ClientConfigurationError  # DATABASE_URL is none
NotMigratedError = asyncpg.UndefinedTableError
NotPermittedError = asyncpg.InsufficientPrivilegeError
BlockedError = asyncpg.LockNotAvailableError  # within the time that it may wait for a lock
