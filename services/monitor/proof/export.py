"""A day and its proof as a file that is verified without a database: JSON lines, gzipped when its name ends in .gz.

The first line says of which day and in what state, then come all seals of the books, then every row of the day beside
its digests, in order, and last how many rows there were.
"""

import base64
import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO, Any, Literal, cast

import orjson

from services.monitor.proof.late import LateBooking, genuine_ids
from services.monitor.proof.rows import PARTS
from services.monitor.proof.seals import SignedSeal, problems_of
from services.monitor.proof.verifying import Item, State, Verdict, Verifier
from shared.crypto.signing import SigningKeys
from shared.errors import TallygateError

_FORMAT = "tallygate.proof.1"
_PARTS = {part.table: part for part in PARTS}
_Line = dict[str, Any]


class Export:
    """The file that is being written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._items = 0

    def begin(self, day: date, state: State, late: Sequence[LateBooking], seals: Sequence[SignedSeal]) -> None:
        """seals: of all days."""
        signed = [[booking.ids.hex(), booking.signature.hex()] for booking in late if booking.signature]
        told = {"is_open": state.is_open, "is_dropped": state.is_dropped, "late": signed}
        self._write({"format": _FORMAT, "day": day.isoformat(), **told})
        for seal in seals:
            self._write({"seal": seal.signed, "signature": base64.b64encode(seal.signature).decode()})

    def add(self, item: Item) -> None:
        row = None if item.row is None else {column: item.row[column] for column in item.part.columns}
        sealed = [[number, row_digest.hex()] for number, row_digest in item.sealed]
        self._write({"table": item.part.table, "key": item.key.hex(), "row": row, "sealed": sealed})
        self._items += 1

    def end(self) -> None:
        self._write({"rows": self._items})

    def _write(self, told: _Line) -> None:
        self._file.write(orjson.dumps(told, default=str, option=orjson.OPT_APPEND_NEWLINE))


@contextmanager
def exporting(path: Path | None) -> Iterator[Export | None]:
    """Raises TallygateError when the file cannot be written."""
    if path is None:
        yield None
        return
    try:
        with _opened(path, "wb") as file:
            export = Export(file)
            yield export
            export.end()
    except OSError as error:
        raise TallygateError("invalid_request", f"{path} cannot be written: {error.strerror or error}") from None


def verify_export(path: Path, keys: SigningKeys) -> Verdict:
    """Raises TallygateError when the file is no export, or was cut."""
    try:
        with _opened(path, "rb") as file:
            return _verdict(map(orjson.loads, file), keys)
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else f"{error}" or "it was cut"
        raise TallygateError(
            "invalid_request",
            f"{path} is not a whole export of a day: {why}",
            tips=("Write it again: tallygate audit --proof DAY --export FILE",),
        ) from None


def _verdict(lines: Iterator[_Line], keys: SigningKeys) -> Verdict:
    """Raises ValueError, KeyError and TypeError for what is not written by `Export`."""
    head = next(lines, {})
    if head.get("format") != _FORMAT:
        raise ValueError(f"its first line does not say {_FORMAT}")
    day, seals, rows = date.fromisoformat(head["day"]), list[SignedSeal](), 0
    verifier: Verifier | None = None
    for line in lines:
        if "seal" in line:
            seals.append(SignedSeal.read(line["seal"], base64.b64decode(line["signature"])))
            continue
        verifier = verifier or _verifier(day, seals, head, keys)
        if "table" not in line:
            if line["rows"] != rows or next(lines, None) is not None:
                raise ValueError("it does not end with the number of its rows")
            return verifier.verdict(list(problems_of(seals, keys)))
        verifier.add(_item(line))
        rows += 1
    raise ValueError("it was cut")


def _verifier(day: date, seals: Sequence[SignedSeal], head: _Line, keys: SigningKeys) -> Verifier:
    late = [LateBooking(0, day, bytes.fromhex(ids), bytes.fromhex(signature)) for ids, signature in head["late"]]
    state = State(bool(head["is_open"]), genuine_ids(late, keys), bool(head["is_dropped"]))
    return Verifier(day, [seal for seal in seals if seal.seal.day == day], state)


def _item(line: _Line) -> Item:
    """The key is that of the row, whatever the line says of it."""
    part, row = _PARTS[line["table"]], line["row"]
    if row is not None:
        row = {column: row[column] for column in part.columns}
    key = bytes.fromhex(line["key"]) if row is None else part.key_of(row)
    return Item(part, key, row, [(int(number), bytes.fromhex(row_digest)) for number, row_digest in line["sealed"]])


def _opened(path: Path, mode: Literal["rb", "wb"]) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, mode) if path.suffix == ".gz" else path.open(mode))
