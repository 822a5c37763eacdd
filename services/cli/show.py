"""`tallygate show`: the timeline of one inference."""

from collections.abc import Iterable
from itertools import zip_longest
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.output import cell, emit, instant, plain, seconds, state_style, usd
from services.cli.problem import reports_problems
from shared.client import in_path


@reports_problems
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
        Text.assemble(
            "inference ", (plain(body["inference_id"]), "bold"), " ", (plain(state), state_style(state)), took
        ),
        guide_style="dim",
    )
    tree.add(_asked(body))
    if caller := _caller(body):
        tree.add(cell(caller, "dim"))
    if body["candidates"]:
        _add_all(tree.add("candidates"), map(_candidate, body["candidates"]))
    attempts = tree.add("attempts" if body["attempts"] else Text("no attempts", "dim"))
    for attempt, following in zip_longest(body["attempts"], body["attempts"][1:]):
        _add_error(attempts.add(_attempt(attempt)), attempt["error"], tips=not _fails_alike(attempt, following))
    if body["error"] and not any(attempt["error"] == body["error"] for attempt in body["attempts"]):
        _add_error(tree.add("error"), body["error"])
    if body.get("result") is not None:
        kept = f"result kept until {instant(body['result_kept_until'])} UTC"
        tree.add(cell(f"{kept}: tallygate inferences follow {body['inference_id']}", "dim"))
    return tree


def _asked(body: dict[str, Any]) -> Text:
    operation = body.get("operation") or "chat"
    parts = [
        f"asked for {body['model_requested'] or 'auto'}" + ("" if operation == "chat" else f", {operation}"),
        f"served by {body['model_served']}" if body["model_served"] else "",
        f"accepted {instant(body['accepted_at'])} UTC",
        f"delivery {body['delivery']}" if (body.get("delivery") or 1) > 1 else "",
    ]
    return cell(" · ".join(part for part in parts if part))


def _caller(body: dict[str, Any]) -> str:
    """What the caller said of the request, and by which key it came."""
    tags = (f"{name}={value}" for name, value in (body.get("tags") or {}).items())
    parts = [f"{what} {body[what]}" for what in ("key", "session") if body.get(what)]
    return " · ".join((*parts, *tags))


def _candidate(candidate: dict[str, Any]) -> Text:
    mark = ("✓ ", "green") if candidate["chosen"] else ("- ", "dim")
    return Text.assemble(
        mark, (plain(candidate["model"]), "bold" if candidate["chosen"] else ""), f"  {plain(candidate['reason'])}"
    )


def _attempt(attempt: dict[str, Any]) -> Text:
    outcome = attempt["outcome"] or "open"
    text = Text.assemble(f"{attempt['attempt_number']} ", (plain(attempt["model"]), "bold"), "  ")
    text.append(plain(outcome), state_style(attempt["outcome"]))
    if attempt["duration_s"] is not None:
        text.append(f" after {seconds(attempt['duration_s'])}")
    if attempt.get("first_chunk_s") is not None:
        text.append(f", the first chunk after {seconds(attempt['first_chunk_s'])}")
    if attempt.get("server_address"):
        text.append(f" at {plain(attempt['server_address'])}", "dim")
    if attempt.get("output_tokens") or attempt.get("input_tokens"):
        cost = f", {usd(attempt['cost_usd'])}" if attempt.get("cost_usd") else ""
        cached = f", {attempt['cache_read_tokens']} of them cached" if attempt.get("cache_read_tokens") else ""
        estimated = "estimated " if (attempt.get("usage") or {}).get("state") == "estimated" else ""
        tokens = f"{estimated}{attempt['input_tokens']} → {attempt['output_tokens']} tokens"
        text.append(f" ({tokens}{cached}{cost})", "dim")
    return text


def _fails_alike(attempt: dict[str, Any], following: dict[str, Any] | None) -> bool:
    """Whether the next attempt failed in the same way: then the tips are shown only after the last of them."""
    if following is None or not attempt["error"] or not following["error"]:
        return False
    kinds = {(call["model"], call["error"]["error_type"]) for call in (attempt, following)}
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
