"""Feature jobs, for people to read."""

from typing import Any

from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.text import Text

from services.cli.listing import Listing
from services.cli.output import cell, instant, plain, usd

_STATES = {"completed": "green", "failed": "red", "cancelled": "yellow", "running": "cyan"}


def progress_line(told: dict[str, Any]) -> Text:
    return Text.assemble((f"{instant(told['at'])} ", "dim"), (f"{told['step']:<9} ", "cyan"), plain(told["message"]))


def features_table(body: dict[str, Any]) -> RenderableType:
    made = Listing("job", "state", "step", "generator", "calls", "cost", "accepted (UTC)", "error", numbers=("calls",))
    for one in body["features"]:
        error = one["error"]["error_type"] if one["error"] else ""
        made.add_row(
            cell(one["feature_id"], "bold"),
            cell(one["state"], _STATES.get(one["state"], "")),
            cell(one["step"]),
            cell(one["generator"]),
            cell(len(one["inferences"])),
            cell(usd(one["cost_usd"])),
            cell(instant(one["accepted_at"])),
            cell(error),
        )
    return made if body["features"] else cell('There are no jobs. Start one: tallygate feature generate "..."')


def produced(feature: dict[str, Any]) -> RenderableType:
    """The diff of every file, what the checks say, and what to do with it."""
    result = feature["result"] or {}
    parts: list[RenderableType] = []
    for one in result.get("files", ()):
        parts += [cell(f"{one['action']} {one['path']} ({one['language']})", "bold"), _diff(one["diff"])]
    parts += [cell(_finding(one), "red") for one in result.get("validation", {}).get("findings", ())]
    for title, name in (("To integrate it", "integration_instructions"), ("Next", "next_steps")):
        lines = result.get(name, ())
        parts += [cell(f"{title}:", "bold"), *(cell(f"  · {line}") for line in lines)] if lines else []
    parts.append(_summary(feature))
    return Group(*parts)


def _diff(text: str) -> Syntax:
    return Syntax(plain(text), "diff", theme="ansi_dark", background_color="default", word_wrap=True)


def _finding(one: dict[str, Any]) -> str:
    line = f":{one['line']}" if one.get("line") else ""
    return f"✗ {one['path'] or 'the answer'}{line} {one['kind']}: {one['message']}"


def _summary(feature: dict[str, Any]) -> Text:
    calls = len(feature["inferences"])
    cost = f", {usd(feature['cost_usd'])}" if feature["cost_usd"] is not None else ""
    text = Text.assemble((feature["state"], _STATES.get(feature["state"], "")))
    return text.append(f" · {calls} model call{'' if calls == 1 else 's'}{cost} · {feature['feature_id']}", "dim")
