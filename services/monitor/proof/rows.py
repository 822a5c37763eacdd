"""Pure: what of a row counts in the books, how it is written down to be hashed, and how a row may still grow.

A row is written as JSON: its columns by name, sorted, without spaces; times in UTC and ids as text, and numbers that
are not whole as `float.hex` writes them, as text, since everybody writes them otherwise in decimals. What is NULL is
left out. Its digest is the SHA-256 of the name of its table, the number of the form, and that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from itertools import combinations
from typing import Any
from uuid import UUID

import orjson

Row = Mapping[str, Any]

# Which columns are hashed, and how they are written. What is sealed stays under its form: another set of columns, or
# another way to write them, is a form with a number of its own, and this one stays known.
FORM = 1

_OUTCOME = (
    "outcome", "outcome_event_id", "error_type", "error", "ended_at", "duration_s", "response_model", "finish_reasons",
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
    "input_audio_tokens", "output_audio_tokens", "usage_state", "cost_usd", "streamed", "first_chunk_s", "chunks",
    "reported_by",
)  # fmt: skip
_SETTLEMENT = (
    "settlement", "settlement_event_id", "settled_at", "duration_s", "first_model", "model_served", "server_address",
    "attempts", "error_type", "error", "reported_by",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """The rows of one table, under one form. key: of the table, which begins with the id that says the day. known: the
    columns that a row has from the first on. grows: columns that events fill later, each group at once, and nobody
    changes then."""

    number: int
    table: str
    key: tuple[str, ...]
    known: tuple[str, ...]
    grows: tuple[tuple[str, ...], ...] = ()
    form: int = FORM

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(sorted((*self.known, *(column for group in self.grows for column in group))))

    @cached_property
    def key_bytes(self) -> int:
        return 16 * len(self.key)

    @cached_property
    def begins(self) -> bytes:
        """What is hashed before a row, so that no row can pass for one of another table or form."""
        return f"tallygate.{self.table}.{self.form}\n".encode()

    def key_of(self, row: Row) -> bytes:
        return b"".join(_uuid(row[column]).bytes for column in self.key)

    def ids(self, key: bytes) -> dict[str, str]:
        """As they are told to people."""
        return {
            column: str(UUID(bytes=key[16 * place : 16 * place + 16])) for place, column in enumerate(self.key)
        }  # fmt: skip


# Not hashed: what changes while an inference is worked on (who has it, up to when, where its request lies, how often it
# was handed out), when the books took a row, which a restored database takes again, and what is computed from the rest
# of the row (the cause of an error); and which trace it belongs to, which is no fact of the books.
INFERENCES = Part(
    1, "inferences", ("inference_id",), ("inference_id", "tenant_id", "accepted_at"),
    (_SETTLEMENT, ("key_id",), ("session",), ("tags",), ("operation_name",), ("model_requested",), ("candidates",)),
)  # fmt: skip
ATTEMPTS = Part(
    2, "attempts", ("inference_id", "attempt_id"),
    ("inference_id", "attempt_id", "tenant_id", "attempt_number", "model", "provider_name", "server_address"),
    (_OUTCOME, ("key_id",), ("operation_name",), ("reason", "router_id", "on_record", "started_at")),
)  # fmt: skip
LATE_WORDS = Part(
    3, "late_words", ("inference_id", "event_id"), ("inference_id", "event_id", "attempt_id", "ce_type", "body")
)
PARTS = (INFERENCES, ATTEMPTS, LATE_WORDS)
FORMS: Mapping[int, tuple[Part, ...]] = {1: PARTS}


def digest(part: Part, row: Row) -> bytes:
    """32 bytes. row: at least the columns of the part."""
    return _digest(part, row, ())


def has_grown(part: Part, row: Row, sealed: bytes) -> bool:
    """Whether the row was as it was sealed before events filled some of its groups."""
    filled = [group for group in part.grows if any(row[column] is not None for column in group)]
    return any(_digest(part, row, groups) == sealed for groups in _some_of(filled))


def _some_of(groups: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """The columns of each choice of groups, of none first not at all."""
    for many in range(1, len(groups) + 1):
        for chosen in combinations(groups, many):
            yield tuple(column for group in chosen for column in group)


def _digest(part: Part, row: Row, without: Sequence[str]) -> bytes:
    told = {
        column: _exact(value) for column in part.columns if (value := row[column]) is not None and column not in without
    }
    return sha256(part.begins + orjson.dumps(told, default=str, option=orjson.OPT_SORT_KEYS)).digest()


def _exact(value: Any) -> Any:
    """Ids are left to orjson, and those of the database's driver to `default`."""
    write = _WRITERS.get(type(value))
    return value if write is None else write(value)


_WRITERS: Mapping[type, Callable[[Any], Any]] = {
    float: float.hex,
    dict: lambda value: {name: _exact(each) for name, each in value.items()},
    list: lambda value: [_exact(each) for each in value],
    datetime: lambda value: value if value.tzinfo is UTC else value.astimezone(UTC),
}


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)
