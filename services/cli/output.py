"""What commands print: JSON or a view on standard output, everything else on standard error."""

import json
import os
import re
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.highlighter import JSONHighlighter
from rich.text import Text

_PIPE_COLUMNS = 200  # rich would wrap at 80; programs that read a pipe want whole lines
# Names, errors and answers come from elsewhere. They must not steer the terminal (controls of C0 and C1), not turn the
# direction of what is read, and not be what no terminal can be sent (halves of a pair).
_BEYOND_ASCII = r"\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_CONTROL = re.compile(rf"[\x00-\x08\x0b-\x1f{_BEYOND_ASCII}]")
_LEFT_BY_JSON = re.compile(rf"[{_BEYOND_ASCII}]")
_STYLES = {"completed": "green", "succeeded": "green", "accepted": "yellow", "running": "yellow", None: "yellow"}


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
    text = _json(body, indent=2)
    if sys.stdout.isatty():
        out().print(JSONHighlighter()(text), soft_wrap=True)
    else:
        print(text)


def print_json_line(body: Any) -> None:
    """For programs that read what comes as it comes."""
    print(_json(body, indent=None), flush=True)


def say(text: str, style: str = "") -> None:
    """A sentence for people, on standard error."""
    err().print(Text(plain(text), style=style))


def plain(value: object) -> str:
    """As it can be shown on lines of its own: what would steer the terminal is written out."""
    return _CONTROL.sub(_written_out, str(value).replace("\r\n", "\n"))


def one_line(value: object) -> str:
    return plain(value).replace("\n", "\\n").replace("\t", " ")


def without_controls(text: str) -> str:
    """Of an answer, which is shown as it is."""
    return _CONTROL.sub("", text)


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


def state_style(state: str | None) -> str:
    """Of an inference or an attempt; None: it is open."""
    return _STYLES.get(state, "red")


def on_terminal() -> bool:
    """Whether there is a user who can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _json(body: Any, indent: int | None) -> str:
    return _LEFT_BY_JSON.sub(_as_json, json.dumps(body, indent=indent, ensure_ascii=False))


def _as_json(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _console(terminal: bool, *, stderr: bool) -> Console:
    """COLUMNS says how wide it is, also where there is no terminal."""
    wraps = terminal or "COLUMNS" in os.environ
    return Console(stderr=stderr, width=None if wraps else _PIPE_COLUMNS, highlight=False, soft_wrap=not wraps)
