"""`tallygate show`: the timeline of one inference."""

from collections.abc import Iterable
from itertools import zip_longest
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.output import cell, emit, instant, plain, seconds, usd
from services.cli.problem import told
from shared.client import in_path

_STYLES = {"completed": "green", "succeeded": "green", "accepted": "yellow", "running": "yellow", None: "yellow"}


@told
def show(
    inference_id: Annotated[str, typer.Argument(metavar="INFERENCE_ID", help="As answers and errors carry it.")],
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one inference: who was considered and why, every attempt, and how it ended."""
    emit(connect(gateway, key).get(f"/api/inferences/{in_path(inference_id)}").body, as_json, timeline_tree)


def timeline_tree(body: dict[str, Any]) -> RenderableType:
    state = body["state"]
    took = f" in {seconds(body['duration_s'])}" if body.get("duration_s") is not None else ""
    tree = Tree(
        Text.assemble("inference ", (plain(body["inference_id"]), "bold"), " ", (plain(state), _style(state)), took),
        guide_style="dim",
    )
    tree.add(_asked(body))
    if body["candidates"]:
        _add_all(tree.add("candidates"), map(_candidate, body["candidates"]))
    attempts = tree.add("attempts" if body["attempts"] else Text("no attempts", "dim"))
    for attempt, following in zip_longest(body["attempts"], body["attempts"][1:]):
        _add_error(attempts.add(_attempt(attempt)), attempt["error"], tips=not _fails_alike(attempt, following))
    if body["error"] and not any(attempt["error"] == body["error"] for attempt in body["attempts"]):
        _add_error(tree.add("error"), body["error"])
    return tree


def _asked(body: dict[str, Any]) -> Text:
    parts = [
        f"asked for {body['model_requested'] or 'auto'}",
        f"served by {body['model_served']}" if body["model_served"] else "",
        f"accepted {instant(body['accepted_at'])} UTC",
        f"delivery {body['delivery']}" if (body.get("delivery") or 1) > 1 else "",
    ]
    return cell(" · ".join(part for part in parts if part))


def _candidate(one: dict[str, Any]) -> Text:
    mark = ("✓ ", "green") if one["chosen"] else ("- ", "dim")
    return Text.assemble(mark, (plain(one["model"]), "bold" if one["chosen"] else ""), f"  {plain(one['reason'])}")


def _attempt(one: dict[str, Any]) -> Text:
    outcome = one["outcome"] or "open"
    text = Text.assemble(f"{one['attempt_number']} ", (plain(one["model"]), "bold"), "  ")
    text.append(plain(outcome), _style(one["outcome"]))
    if one["duration_s"] is not None:
        text.append(f" after {seconds(one['duration_s'])}")
    if one.get("server_address"):
        text.append(f" at {plain(one['server_address'])}", "dim")
    if one.get("output_tokens") is not None:
        cost = f", {usd(one['cost_usd'])}" if one.get("cost_usd") else ""
        cached = f", {one['cache_read_tokens']} of them cached" if one.get("cache_read_tokens") else ""
        text.append(f" ({one['input_tokens']} → {one['output_tokens']} tokens{cached}{cost})", "dim")
    return text


def _fails_alike(attempt: dict[str, Any], following: dict[str, Any] | None) -> bool:
    """A retry that failed in the same way: its tips are the same, and come after the last one."""
    if following is None or not attempt["error"] or not following["error"]:
        return False
    kinds = {(one["model"], one["error"]["error_type"]) for one in (attempt, following)}
    return len(kinds) == 1


def _add_error(branch: Tree, error: dict[str, Any] | None, *, tips: bool = True) -> None:
    if error is None:
        return
    text = Text.assemble((plain(error["error_type"]), "bold red"), f": {plain(error['detail'])}")
    for tip in (error.get("tips") or ()) if tips else ():
        text.append("\n→ ", "cyan").append(plain(tip))
    branch.add(text)


def _add_all(branch: Tree, leaves: Iterable[Text]) -> None:
    for leaf in leaves:
        branch.add(leaf)


def _style(state: str | None) -> str:
    return _STYLES.get(state, "red")
