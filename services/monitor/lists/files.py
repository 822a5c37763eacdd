"""Pure: rows of the books as lines of a CSV file, or as row groups of a Parquet file.

Names of models, errors and tags are what others wrote. In CSV, which people open in spreadsheets and terminals, a text
that a spreadsheet would take for a formula has an apostrophe before it, and control characters are written out, as
\\x1b. Parquet has every text as it is.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

import orjson

from services.monitor.lists.items import attempts, usage
from services.monitor.lists.page import Row

Format = Literal["csv", "parquet"]
Type = Literal["text", "time", "whole", "real", "flag"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # but for tabs and line feeds, which CSV can hold


class Column(NamedTuple):
    name: str
    type: Type
    of: Callable[[Row], Any]


class Writer(Protocol):
    """Of one file. Every method gives the bytes that come next."""

    def add(self, rows: Sequence[Row]) -> bytes: ...
    def end(self) -> bytes: ...


def _named(name: str, kind: Type, column: str | None = None) -> Column:
    return Column(name, kind, lambda row: row[column or name])


def _of_call(name: str, kind: Type) -> Column:
    return Column(name, kind, lambda row: row["calls"] and row["calls"][name])


def _of_usage(name: str, kind: Type, key: str) -> Column:
    def value(row: Row) -> Any:
        used = usage(row["calls"]) if row["calls"] else None
        return used and used[key]

    return Column(name, kind, value)


def _json(value: object) -> str | None:
    return orjson.dumps(value).decode() if value else None


_DETAIL = Column("error_detail", "text", lambda row: row["error"] and row["error"].get("detail"))

# Rows of inferences have `calls`: what their calls came to.
INFERENCES = (
    _named("inference_id", "text"),
    _named("state", "text"),
    _named("operation", "text", "operation_name"),
    _named("accepted_at", "time"),
    _named("settled_at", "time"),
    _named("duration_s", "real"),
    _named("model_requested", "text"),
    _named("first_model", "text"),
    _named("model_served", "text"),
    _named("server_address", "text"),
    Column("attempts", "whole", lambda row: attempts(row, row["calls"])),
    _named("error_type", "text"),
    _DETAIL,
    _of_call("first_chunk_s", "real"),
    _of_usage("input_tokens", "whole", "input_tokens"),
    _of_usage("output_tokens", "whole", "output_tokens"),
    _of_usage("usage_state", "text", "state"),
    _of_call("cost_usd", "real"),
    _named("key", "text", "key_id"),
    _named("session", "text"),
    Column("tags", "text", lambda row: _json(row["tags"])),
    _named("reported_by", "text"),
)
ATTEMPTS = (
    _named("attempt_id", "text"),
    _named("inference_id", "text"),
    _named("attempt_number", "whole"),
    _named("operation", "text", "operation_name"),
    _named("key", "text", "key_id"),
    _named("model", "text"),
    _named("provider_name", "text"),
    _named("server_address", "text"),
    _named("reason", "text"),
    _named("router", "text", "router_id"),
    _named("started_at", "time"),
    _named("ended_at", "time"),
    _named("duration_s", "real"),
    _named("outcome", "text"),
    _named("error_type", "text"),
    _DETAIL,
    _named("response_model", "text"),
    Column("finish_reasons", "text", lambda row: _json(row["finish_reasons"])),
    *(
        _named(f"{kind}_tokens", "whole")
        for kind in ("input", "output", "cache_read", "cache_write", "reasoning", "input_audio", "output_audio")
    ),
    _named("usage_state", "text"),
    _named("cost_usd", "real"),
    _named("streamed", "flag"),
    _named("first_chunk_s", "real"),
    _named("chunks", "whole"),
    _named("reported_by", "text"),
)
Columns = tuple[Column, ...]


class CsvWriter:
    """RFC 4180, UTF-8; the first line has the names. Times are of RFC 3339, in UTC."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text)
        self._writer.writerow([column.name for column in columns])

    def add(self, rows: Sequence[Row]) -> bytes:
        self._writer.writerows([[_cell(column, row) for column in self._columns] for row in rows])
        return self.end()

    def end(self) -> bytes:
        written = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return written.encode()


class ParquetWriter:
    """Each `add` is a row group. The library is loaded when the first file is made: it takes 60 MB."""

    def __init__(self, columns: Columns) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = {"text": pa.string(), "time": pa.timestamp("us", "UTC"), "whole": pa.int64(), "real": pa.float64(),
                 "flag": pa.bool_()}  # fmt: skip
        self._columns = columns
        self._schema = pa.schema([(column.name, types[column.type]) for column in columns])
        self._sink = _Sink()
        self._batch = pa.RecordBatch.from_pydict
        self._writer = pq.ParquetWriter(pa.PythonFile(self._sink, "w"), self._schema, compression="zstd")

    def add(self, rows: Sequence[Row]) -> bytes:
        values = {column.name: [_value(column, row) for row in rows] for column in self._columns}
        self._writer.write_batch(self._batch(values, self._schema))
        return self._sink.taken()

    def end(self) -> bytes:
        self._writer.close()
        return self._sink.taken()


class _Sink(io.RawIOBase):
    """What was written and not taken yet."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._at += len(part)
        return len(part)

    def tell(self) -> int:
        return self._at

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


WRITERS: Mapping[Format, tuple[Callable[[Columns], Writer], str]] = {
    "csv": (CsvWriter, "text/csv; charset=utf-8"),
    "parquet": (ParquetWriter, "application/vnd.apache.parquet"),
}


def _value(column: Column, row: Row) -> Any:
    value = column.of(row)
    return str(value) if column.type == "text" and value is not None else value


def _cell(column: Column, row: Row) -> str:
    value = column.of(row)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    return _safe(str(value)) if column.type == "text" else str(value)


def _safe(text: str) -> str:
    """Most texts need nothing, and a file has millions."""
    if text.startswith(_FORMULA):
        text = f"'{text}"
    return text if _CONTROL.search(text) is None else _CONTROL.sub(_written_out, text)


def _written_out(control: re.Match[str]) -> str:
    return f"\\x{ord(control[0]):02x}"
