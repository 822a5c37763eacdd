"""`tallygate topics` and `tallygate asyncapi`: the events, on the broker and on paper."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from services.cli.local_run import broker
from shared.events.asyncapi import asyncapi_document
from shared.kafka.admin import apply_topics, check_topics

topics = typer.Typer(no_args_is_help=True, help="The topics on the broker.")


@topics.command("apply")
def topics_apply() -> None:
    """Create the topics that are missing."""
    for name in asyncio.run(apply_topics(broker())):
        typer.echo(f"created {name}")
    topics_check()


@topics.command("check")
def topics_check() -> None:
    """Compare the broker's topics with the list in the code; exit status 1 when they differ."""
    problems = asyncio.run(check_topics(broker()))
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)
    typer.echo("the topics are as they should be")


def asyncapi(
    check: Annotated[Path | None, typer.Option(help="Compare with this file; exit status 1 when it differs.")] = None,
) -> None:
    """Print the AsyncAPI 3 document of all events and topics."""
    document = asyncapi_document()
    if check is None:
        typer.echo(document, nl=False)
    elif not check.exists() or check.read_text() != document:
        typer.echo(f"{check} differs from the code; renew it with: tallygate asyncapi > {check}", err=True)
        raise typer.Exit(1)
