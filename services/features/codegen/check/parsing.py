"""Has files read by child.py, with limits of time and memory, and outlives what kills it."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from services.features.codegen.check.readers import reader_of

TIMEOUT_S = 10.0  # for all files of one draft; a megabyte of common code takes about one
MAX_STARTS = 3  # how many files may kill the reader before the rest is left unread

_CHILD = Path(__file__).with_name("child.py")


@dataclass(frozen=True, slots=True)
class Import:
    """names, level and guarded (an `except ImportError` is ready for it) are Python's."""

    line: int
    module: str
    level: int = 0
    names: tuple[str, ...] = ()
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """errors: the first ones, with their lines. unclosed: with more brackets opened than closed, by the grammar's
    tokens. largest_function: its lines; None where no grammar read the file."""

    errors: tuple[tuple[int, str], ...] = ()
    error_count: int = 0
    imports: tuple[Import, ...] = ()
    largest_function: int | None = None
    unclosed: bool = False


class Source(NamedTuple):
    path: str
    text: str


def parse_all(
    sources: Sequence[Source], files: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S
) -> list[Parsed | None]:
    """In the order of the sources. None: nothing reads this language, or it took too long, or it killed the reader.
    files: of the repository."""
    readers = [reader_of(source.path, files) for source in sources]
    readable = [index for index, reader in enumerate(readers) if reader]
    results: list[Parsed | None] = [None] * len(sources)
    for _ in range(MAX_STARTS):
        if not readable:
            break
        reports = _read([_job(sources[index], readers[index]) for index in readable], timeout_s)
        for index, report in zip(readable, reports, strict=False):
            results[index] = _parsed(report)
        readable = readable[len(reports) + 1 :]  # the one that it died of is not tried again
    return results


def _read(jobs: Sequence[str], timeout_s: float) -> list[Mapping[str, Any]]:
    """The reports of the first files, up to the one that the reader did not survive."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(_CHILD)],
            input="".join(jobs).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout_s,
            env={"LC_ALL": "C.UTF-8"},
            check=False,
        )
        output = done.stdout
    except subprocess.TimeoutExpired as error:
        output = error.stdout or b""
    return [json.loads(line) for line in output.split(b"\n")[:-1]]


def _job(source: Source, reader: str | None) -> str:
    return json.dumps({"reader": reader, "text": source.text}) + "\n"


def _parsed(report: Mapping[str, Any]) -> Parsed:
    errors = tuple((int(line), str(message)) for line, message in report["errors"])
    imports = tuple(
        Import(
            row["line"],
            row["module"],
            row.get("level", 0),
            tuple(row.get("names", ())),
            bool(row.get("guarded", False)),
        )
        for row in report.get("imports", ())
    )
    count, largest = report.get("error_count", len(errors)), report.get("largest_function")
    return Parsed(errors, count, imports, largest, report.get("unclosed", False))
