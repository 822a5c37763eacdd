"""The options that name a span of time, the same for every command; the gateway says what is wrong with them."""

from typing import Annotated

import typer

_PANEL = "Span of time"

WindowOption = Annotated[
    str | None,
    typer.Option("--window", metavar="SPAN", rich_help_panel=_PANEL, help="How far back: 15m, 1h, 7d, at most 400d."),
]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TIME",
        rich_help_panel=_PANEL,
        help="From then on: 2026-11-23T08:00:00Z, or a date, which is its midnight in UTC.",
    ),
]
ToOption = Annotated[
    str | None, typer.Option("--to", metavar="TIME", rich_help_panel=_PANEL, help="Before then; otherwise until now.")
]


def span_query(window: str | None, since: str | None, until: str | None) -> dict[str, str | None]:
    return {"window": window, "from": since, "to": until}
