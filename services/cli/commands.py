"""All operator commands, mounted on the `tallygate` command."""

import typer


def mount(app: typer.Typer) -> None:
    """Add every command group."""
