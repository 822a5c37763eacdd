"""All operator commands, mounted on the `tallygate` command."""

import typer

from services.cli import (
    batch,
    events,
    keys,
    plans,
    providers,
    reply_keys,
    sealing_keys,
    sessions,
    shadow,
    tenants,
    webhooks,
)
from services.cli.assistant.command import mcp
from services.cli.changes import changes
from services.cli.chat import chat
from services.cli.dead_letters import commands as dead_letters
from services.cli.error_types import errors
from services.cli.features import commands as feature
from services.cli.models import commands as models
from services.cli.monitoring import inferences
from services.cli.monitoring.monitor import monitor
from services.cli.monitoring.tail import tail
from services.cli.monitoring.top import top
from services.cli.show import show
from services.cli.status import status

_PANEL = "Use and operate"


def mount(app: typer.Typer) -> None:
    """Add every command group."""
    app.add_typer(models.app, name="models", rich_help_panel=_PANEL)
    for command in (chat, show, monitor, top, tail, status, errors):
        app.command(rich_help_panel=_PANEL)(command)
    app.add_typer(inferences.app, name="inferences", rich_help_panel=_PANEL)
    app.command(rich_help_panel=_PANEL)(mcp)
    app.add_typer(batch.app, name="batch", rich_help_panel=_PANEL)
    app.add_typer(feature.app, name="feature", rich_help_panel=_PANEL)
    app.add_typer(providers.app, name="providers", rich_help_panel=_PANEL)
    app.add_typer(webhooks.app, name="webhooks", rich_help_panel=_PANEL)
    app.add_typer(sessions.app, name="sessions", rich_help_panel=_PANEL)
    app.add_typer(shadow.app, name="shadow", rich_help_panel=_PANEL)
    app.add_typer(reply_keys.app, name="reply-keys", rich_help_panel=_PANEL)
    app.add_typer(keys.app, name="keys", rich_help_panel=_PANEL)
    app.add_typer(tenants.app, name="tenants", rich_help_panel=_PANEL)
    app.add_typer(plans.app, name="plans", rich_help_panel=_PANEL)
    app.command(rich_help_panel=_PANEL)(changes)
    app.add_typer(sealing_keys.app, name="secrets", rich_help_panel=_PANEL)
    app.add_typer(dead_letters.app, name="dlq", rich_help_panel=_PANEL)
    app.add_typer(events.topics, name="topics", rich_help_panel=_PANEL)
    app.command()(events.asyncapi)
