"""The failure of a local run: one sentence that names the way out, never a traceback."""

from pathlib import Path

TAIL_LINES = 25


class LocalRunError(Exception):
    """The sentence is the message; it goes to standard error, and the exit status is 1."""


def log_tail(path: Path, lines: int = TAIL_LINES) -> str:
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def with_log(sentence: str, path: Path) -> LocalRunError:
    tail = log_tail(path)
    shown = f"The end of {path}:\n{tail}" if tail else f"Its log, {path}, is empty."
    return LocalRunError(f"{sentence}\n{shown}")
