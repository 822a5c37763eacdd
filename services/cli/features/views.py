"""Feature jobs, for people to read."""

from typing import Any

from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.text import Text

from services.cli.listing import Listing
from services.cli.output import cell, instant, plain, usd

_STATES = {"completed": "green", "failed": "red", "cancelled": "yellow", "running": "cyan"}


def progress_line(progress: dict[str, Any]) -> Text:
    return Text.assemble(
        (f"{instant(progress['at'])} ", "dim"), (f"{progress['step']:<9} ", "cyan"), plain(progress["message"])
    )


def features_table(body: dict[str, Any]) -> RenderableType:
    made = Listing("job", "state", "step", "generator", "calls", "cost", "accepted (UTC)", "error", numbers=("calls",))
    for feature in body["features"]:
        error = feature["error"]["error_type"] if feature["error"] else ""
        made.add_row(
            cell(feature["feature_id"], "bold"),
            cell(feature["state"], _STATES.get(feature["state"], "")),
            cell(feature["step"]),
            cell(feature["generator"]),
            cell(len(feature["inferences"])),
            cell(usd(feature["cost_usd"])),
            cell(instant(feature["accepted_at"])),
            cell(error),
        )
    return made if body["features"] else cell('There are no jobs. Start one: tallygate feature generate "..."')


def produced(feature: dict[str, Any]) -> RenderableType:
    """The diff of every file, what the checks say, and what to do with it."""
    result = feature["result"] or {}
    parts: list[RenderableType] = []
    for file in result.get("files", ()):
        parts += [cell(f"{file['action']} {file['path']} ({file['language']})", "bold"), _diff(file["diff"])]
    parts += [cell(_finding(finding), "red") for finding in result.get("validation", {}).get("findings", ())]
    for title, name in (("To integrate it", "integration_instructions"), ("Next", "next_steps")):
        lines = result.get(name, ())
        parts += [cell(f"{title}:", "bold"), *(cell(f"  · {line}") for line in lines)] if lines else []
    parts.append(_summary(feature))
    return Group(*parts)


def _diff(text: str) -> Syntax:
    return Syntax(plain(text), "diff", theme="ansi_dark", background_color="default", word_wrap=True)


def _finding(finding: dict[str, Any]) -> str:
    line = f":{finding['line']}" if finding.get("line") else ""
    return f"✗ {finding['path'] or 'the answer'}{line} {finding['kind']}: {finding['message']}"


def _summary(feature: dict[str, Any]) -> Text:
    calls = len(feature["inferences"])
    cost = f", {usd(feature['cost_usd'])}" if feature["cost_usd"] is not None else ""
    text = Text.assemble((feature["state"], _STATES.get(feature["state"], "")))
    return text.append(f" · {calls} model call{'' if calls == 1 else 's'}{cost} · {feature['feature_id']}", "dim")
