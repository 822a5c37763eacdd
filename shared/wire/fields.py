"""What becomes of each field of one dialect in the other: the kinds of rows, and what the translators do by them.

The rows stand in `chat_fields.py` (OpenAI's chat form to Anthropic's messages). docs/dialects.md is made from them.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from shared.wire.requests import UntranslatableError

# same: copied as it is. translated: by code, to what the row names. refused: by name, before the call.
# left_out: it asks nothing of the model or its answer, as the row says why.
How = Literal["same", "translated", "refused", "left_out"]

_SHOWN = 60  # characters of a name that others wrote


class Row(NamedTuple):
    """One field. becomes: its place in the other dialect. nothing: values of a refused field that ask for nothing, as
    null does for every field. why: of what is refused, as the end of a sentence that begins with the field's name."""

    field: str
    how: How
    becomes: str = ""
    why: str = ""
    nothing: tuple[Any, ...] = ()


# By where the fields stand ("body", "message", ...), then by their names.
Table = Mapping[str, Mapping[str, Row]]


def table(places: Mapping[str, Iterable[Row]]) -> Table:
    return {place: {row.field: row for row in rows} for place, rows in places.items()}


class Fields:
    """The table of one direction, as a translator uses it. there: whom the request is for, in words."""

    def __init__(self, rows: Table, there: str) -> None:
        self._rows = rows
        self._there = there

    def same(self, place: str, given: Mapping[str, Any], at: str = "") -> dict[str, Any]:
        """The fields that keep their names. Raises UntranslatableError for one that is refused, or has no row.

        at: where the object stands in the body, for the error.
        """
        rows, kept = self._rows[place], {}
        for name, value in given.items():
            if value is None:
                continue
            row = rows.get(name)
            if row is None:
                shown = name[:_SHOWN].encode(errors="replace").decode()
                raise UntranslatableError(_path(at, shown), f"is a field that {self._there} does not have")
            if row.how == "same":
                kept[name] = value
            elif row.how == "refused" and not _asks_nothing(value, row):
                raise UntranslatableError(_path(at, name), row.why)
        return kept

    def knows(self, place: str, name: str) -> bool:
        return name in self._rows[place]


def _asks_nothing(value: Any, row: Row) -> bool:
    return any(value == nothing for nothing in row.nothing)


def _path(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
