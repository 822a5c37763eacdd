"""What the services wrote as an error. Libraries write plain lines, which say nothing certain."""

import json
from collections.abc import Iterator
from pathlib import Path

_MARK = '"level": "error"'


def logged_errors(logs: Path) -> list[str]:
    return [error_line for path in sorted(logs.glob("*.log*")) for error_line in _errors(path)]


def _errors(path: Path) -> Iterator[str]:
    with path.open(errors="replace") as lines:
        for line in lines:
            if _MARK in line:
                yield f"{path.name}: {_told(line)}"


def _told(line: str) -> str:
    """The event, and the last line of its traceback."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line[:200]
    traceback = str(entry.get("exception", "")).strip().splitlines()
    return " ".join([str(entry.get("timestamp")), str(entry.get("event")), *traceback[-1:]])
