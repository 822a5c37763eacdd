"""`tallygate models select`: which models a request would be tried on, and why. Calls none."""

from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.listing import Listing
from services.cli.output import cell, emit, plain
from services.cli.problem import reports_problems
from shared.policies import POLICIES


@reports_problems
def select(
    message: Annotated[str, typer.Argument(help="The request's message.")] = "Hello",
    model: Annotated[str | None, typer.Option(help="As a request would name it; otherwise auto.")] = None,
    policy: Annotated[str | None, typer.Option(help=f"One of {', '.join(POLICIES)}.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="How long the answer may be.")] = None,
    no_fallback: Annotated[bool, typer.Option("--no-fallback", help="As in the request.")] = False,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain which models a request would be tried on, in order, and why the others are passed over."""
    asked = {"model": model, "policy": policy, "max_tokens": max_tokens, "no_fallback": no_fallback or None}
    body: dict[str, Any] = {"messages": [{"role": "user", "content": message}]}
    body |= {name: value for name, value in asked.items() if value is not None}
    emit(connect(gateway, key).post("/api/models/select", body).body, as_json, _view)


def _view(body: dict[str, Any]) -> RenderableType:
    made = Listing("model", "why")
    for place, candidate in enumerate(body["candidates"], 1):
        made.add_row(Text.assemble(f"{place} ", (plain(candidate["model"]), "bold")), cell(candidate["reason"]))
    for model in body["passed_over"]:
        made.add_row(Text.assemble(("✗ ", "red"), (plain(model["model"]), "dim")), cell(model["reason"], "dim"))
    needs = body["needs"]
    tokens = f"about {needs['prompt_tokens']} tokens and {needs['answer_tokens'] or 'an unknown number'} of answer"
    over = body["over_budget"]
    refusal = [cell(f"✗ it would be refused: {over['detail']}", "red")] if over else []
    return Group(*refusal, cell(f"policy {body['policy']} · {tokens}", "dim"), made)
