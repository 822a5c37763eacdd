"""`tallygate errors`: what each error type means and what to do about it."""

import difflib
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from services.cli.connection import JsonOption
from services.cli.listing import Listing
from services.cli.output import cell, emit
from services.cli.problem import refused, reports_problems
from shared.errors import CATALOGUE, ErrorType
from shared.errors.failures import A_PROVIDER_MODEL, setup_tips, worded_tips


@reports_problems
def errors(
    error_type: Annotated[str | None, typer.Argument(metavar="[TYPE]", help="For example rate_limited.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Explain an error type; without one, list them all."""
    if error_type is None:
        emit({"errors": [_entry(name) for name in CATALOGUE]}, as_json, _listed)
    elif error_type in CATALOGUE:
        emit(_entry(error_type), as_json, _explained)
    else:
        near = difflib.get_close_matches(error_type, CATALOGUE, 3)
        tips = (f"Did you mean {' or '.join(near)}?",) if near else ()
        raise refused(f"there is no error type {error_type!r}", *tips, "List them all: tallygate errors")


def _entry(error_type: ErrorType) -> dict[str, Any]:
    """With text in place of the catalogue's placeholders, as docs/errors.md has it."""
    kind = CATALOGUE[error_type]
    provider_tips = None if kind.provider_tips is None else worded_tips(kind, A_PROVIDER_MODEL)
    tips = {
        "tips": worded_tips(kind),
        "provider_tips": provider_tips,
        "setup_tips": None if kind.setup_tips is None else setup_tips(error_type),
    }
    return {"error_type": error_type} | asdict(kind) | tips


def _listed(body: dict[str, Any]) -> RenderableType:
    made = Listing("type", "means", "HTTP", "retried", "falls back", numbers=("HTTP",))
    for entry in body["errors"]:
        values = (entry["title"], entry["http_status"], _yes(entry["retryable"]), _yes(entry["fallback"]))
        made.add_row(cell(entry["error_type"], "bold"), *map(cell, values))
    return made


def _explained(entry: dict[str, Any]) -> RenderableType:
    text = Text.assemble((entry["error_type"], "bold"), f": {entry['title']}")
    for when, tips in (
        ("", entry["tips"]),
        ("\n  When it is a provider's model:", entry["provider_tips"]),
        ("\n  While a model is being set up:", entry["setup_tips"]),
    ):
        text.append(when if tips else "")
        for tip in tips or ():
            text.append("\n  → ", "cyan").append(tip)
    retried = "is tried again on the same model" if entry["retryable"] else "is not tried again on the same model"
    falls_back = "goes on to the next candidate" if entry["fallback"] else "ends the request"
    return text.append(f"\n  It {retried}, then {falls_back}; the caller sees HTTP {entry['http_status']}.", "dim")


def _yes(value: bool) -> str:
    return "yes" if value else "no"
