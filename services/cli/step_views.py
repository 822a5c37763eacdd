"""The steps of a model's probe, setup or test, for people to read."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text

from services.cli.output import plain, seconds

_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}


def steps_text(steps: Iterable[Mapping[str, Any]]) -> Text:
    """A line for each; empty for none."""
    text = Text()
    for step in steps:
        mark, style = _MARKS[step.get("ok")]
        text.append(f"{mark} ", style).append(f"{plain(step.get('step')):<7}", "bold").append(_shown(step))
        text.append(f"  {seconds(step.get('duration_s'))}\n", "dim")
    return text


def _shown(step: Mapping[str, Any]) -> str:
    """Of a failure only its title: detail and tips are shown with the problem."""
    return plain((step.get("error") or {}).get("title") or step.get("detail") or "")
