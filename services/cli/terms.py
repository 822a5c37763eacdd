"""The terms of a tenant or plan, as options of a command and as people read them."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from services.cli.listing import Fields
from services.cli.output import cell
from shared.policies import POLICIES

Policy = Annotated[str | None, typer.Option(help=f"One of {', '.join(POLICIES)}.")]
ProviderAllow = Annotated[
    list[str] | None, typer.Option(help="Pattern of provider models, such as openai:*; may be repeated.")
]
ProviderDeny = Annotated[list[str] | None, typer.Option(help="Pattern that is denied though allowed; may be repeated.")]
UsdPerDay = Annotated[float | None, typer.Option(help="Budget of a UTC day, in US dollars.")]
UsdPerMonth = Annotated[float | None, typer.Option(help="Budget of a UTC month, in US dollars.")]
TokensPerDay = Annotated[int | None, typer.Option(help="Budget of a UTC day, in tokens of prompts and answers.")]
TokensPerMonth = Annotated[int | None, typer.Option(help="Budget of a UTC month, in tokens.")]
RatePerS = Annotated[float | None, typer.Option(help="Requests a second to one gateway, at least 0.001.")]
Burst = Annotated[int | None, typer.Option(help="How many of them may come at once.")]
MaxInFlight = Annotated[int | None, typer.Option(help="Requests that one gateway has in work.")]
ResultRetentionS = Annotated[
    float | None, typer.Option(help="Seconds for which results of background inferences are kept, at least 60.")
]


def given(**options: Any) -> dict[str, Any]:
    """The terms that were given on the command line."""
    return {name: value for name, value in options.items() if value not in (None, [])}


def terms_table(terms: Mapping[str, Any], own: Mapping[str, Any], spent: Mapping[str, Any] | None) -> Fields:
    """Each term with where it comes from; budgets with what was spent."""
    fields = []
    for name, value in terms.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        missing = "none" if name.startswith("shadow") else "no limit of its own"
        text = cell(missing if shown is None else shown or "none")
        text.append("  own" if name in own else "", "dim").append(_spent(name, spent))
        fields.append((name.replace("_", " "), text))
    return Fields(fields)


def _spent(name: str, spent: Mapping[str, Any] | None) -> str:
    unit, _, period = name.partition("_per_")
    value = (spent or {}).get(f"{unit}_{period}")
    if unit not in {"usd", "tokens"} or value is None:
        return ""
    return f"  {value:,.4f} spent" if unit == "usd" else f"  {value:,} spent"
