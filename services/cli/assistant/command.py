"""`tallygate mcp`: serve the tools on standard input and output."""

from typing import Annotated

import typer

from services.cli.connection import GatewayOption, KeyOption, connect
from services.cli.problem import reports_problems


@reports_problems
def mcp(
    content: Annotated[
        bool, typer.Option("--content", help="Tell answers of models too, where they are kept; otherwise no content.")
    ] = False,
    gateway: GatewayOption = None,
    key: KeyOption = None,
) -> None:
    """Let an assistant read timelines, errors, health, spending and whether the books balance (MCP, by stdio).

    It reads as its API key may, of the key's tenant: give it one of its own, with the scopes monitor and inference.
    """
    client = connect(gateway, key)
    from services.cli.assistant.server import serve  # not at the top: it takes seconds, and no other command needs it

    serve(client, content=content)
