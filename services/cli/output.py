"""What commands print: JSON or a view on standard output, everything else on standard error."""

import json
import os
import re
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

_PIPE_COLUMNS = 200  # rich would wrap at 80; programs that read a pipe want whole lines
# Answers and details come from elsewhere: they must not send control sequences to the terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def out() -> Console:
    return _console(sys.stdout.isatty(), stderr=False)


def err() -> Console:
    return _console(sys.stderr.isatty(), stderr=True)


def emit(body: Any, as_json: bool, view: Callable[[Any], RenderableType]) -> None:
    """The body itself as JSON, or what `view` makes of it for people."""
    if as_json:
        print_json(body)
    else:
        out().print(view(body))


def print_json(body: Any) -> None:
    text = json.dumps(body, indent=2, ensure_ascii=False)
    if sys.stdout.isatty():
        out().print_json(text)
    else:
        print(text)


def say(text: str, style: str = "") -> None:
    """A sentence for people, on standard error."""
    err().print(Text(plain(text), style=style))


def plain(value: object) -> str:
    return _CONTROL.sub("", str(value))


def cell(value: object, style: str = "") -> Text:
    """Text that rich takes as it is: no markup is read from it."""
    return Text("" if value is None else plain(value), style=style)


def seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def behind(lag_s: float) -> str:
    return f"{seconds(lag_s)} behind" if lag_s else "up to date"


def usd(value: float | None) -> str:
    return "" if value is None else f"${value:.6f}".rstrip("0").rstrip(".")


def instant(text: str | None) -> str:
    """UTC, to the second."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S") if text else ""


def on_terminal() -> bool:
    """Whether there is a user who can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _console(terminal: bool, *, stderr: bool) -> Console:
    """COLUMNS says how wide it is, also where there is no terminal."""
    wraps = terminal or "COLUMNS" in os.environ
    return Console(stderr=stderr, width=None if wraps else _PIPE_COLUMNS, highlight=False, soft_wrap=not wraps)
