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
from services.cli.problem import refused, told
from shared.errors import CATALOGUE, ErrorType
from shared.errors.failures import A_PROVIDER_MODEL, setup_tips, worded_tips


@told
def errors(
    error_type: Annotated[str | None, typer.Argument(metavar="[TYPE]", help="For example rate_limited.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Explain an error type; without one, list them all."""
    if error_type is None:
        emit({"errors": [_entry(one) for one in CATALOGUE]}, as_json, _listed)
    elif error_type in CATALOGUE:
        emit(_entry(error_type), as_json, _explained)
    else:
        near = difflib.get_close_matches(error_type, CATALOGUE, 3)
        tips = (f"Did you mean {' or '.join(near)}?",) if near else ()
        raise refused(f"there is no error type {error_type!r}", *tips, "List them all: tallygate errors")


def _entry(error_type: ErrorType) -> dict[str, Any]:
    """With words where the catalogue has placeholders, as docs/errors.md has them."""
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
    for one in body["errors"]:
        values = (one["title"], one["http_status"], _yes(one["retryable"]), _yes(one["fallback"]))
        made.add_row(cell(one["error_type"], "bold"), *map(cell, values))
    return made


def _explained(one: dict[str, Any]) -> RenderableType:
    text = Text.assemble((one["error_type"], "bold"), f": {one['title']}")
    for when, tips in (
        ("", one["tips"]),
        ("\n  When it is a provider's model:", one["provider_tips"]),
        ("\n  While a model is being set up:", one["setup_tips"]),
    ):
        text.append(when if tips else "")
        for tip in tips or ():
            text.append("\n  → ", "cyan").append(tip)
    retried = "is tried again on the same model" if one["retryable"] else "is not tried again on the same model"
    falls_back = "goes on to the next candidate" if one["fallback"] else "ends the request"
    return text.append(f"\n  It {retried}, then {falls_back}; the caller sees HTTP {one['http_status']}.", "dim")


def _yes(value: bool) -> str:
    return "yes" if value else "no"
