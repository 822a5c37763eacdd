"""`tallygate feature`: generate code for a local checkout, watch it being made, and write it when you like it."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from services.cli.client import Client, in_path
from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.feature_views import features_table, produced, progress_line
from services.cli.local_repository import Checkout, apply, read_checkout
from services.cli.output import cell, emit, err
from services.cli.problem import Problem, ProblemError, refused, told
from shared.policies import POLICIES

app = typer.Typer(no_args_is_help=True, help="Features: generate code for a repository.")
FeatureId = Annotated[str, typer.Argument(metavar="ID")]


@app.command()
@told
def generate(
    wish: Annotated[str, typer.Argument(help="What you wish for, in your words.")],
    path: Annotated[Path, typer.Option(help="The checkout.")] = Path(),
    only: Annotated[list[str] | None, typer.Option(help="Send only files that match; may be repeated.")] = None,
    repo: Annotated[str | None, typer.Option(help="An https:// git URL, instead of a local checkout.")] = None,
    generator: Annotated[str, typer.Option(help="llm, template, or one that is installed.")] = "llm",
    model: Annotated[str | None, typer.Option(help="As a request would name it; otherwise auto.")] = None,
    policy: Annotated[str | None, typer.Option(help=f"One of {', '.join(POLICIES)}.")] = None,
    write_to: Annotated[list[str] | None, typer.Option(help="Only files that match may be written.")] = None,
    deadline_s: Annotated[float | None, typer.Option(help="Seconds until it is of no more use.")] = None,
    write: Annotated[bool, typer.Option("--apply", help="Write the files into the checkout when they pass.")] = False,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Generate code, show progress and diff. Nothing is written without --apply, and never outside of --path."""
    if write and repo is not None:
        raise refused("--apply writes into a local checkout; with --repo there is none")
    client = connect(gateway, key)
    checkout = None if repo is not None else read_checkout(path, only or ())
    body: dict[str, Any] = {
        "featureRequest": wish,
        "generator": generator,
        "model": model,
        "policy": policy,
        "deadline_s": deadline_s,
    }
    body |= {"constraints": {"paths": write_to} if write_to else {}}
    body |= {"repo": repo} if checkout is None else {"repo": checkout.root.name, "archive": checkout.archive()}
    asked = {name: value for name, value in body.items() if value is not None}
    started = client.post("/api/repos/quality/generate-feature", asked).body
    feature = _followed(client, started["feature_id"], quiet=as_json)
    emit(feature, as_json, produced)
    _finish(feature, checkout if write else None)


@app.command("list")
@told
def list_features(gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """List your jobs, newest first."""
    emit(connect(gateway, key).get("/api/features").body, as_json, features_table)


@app.command()
@told
def show(
    feature_id: FeatureId, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False
) -> None:
    """Show a job: where it is, what it made, and what it cost."""
    emit(connect(gateway, key).get(f"/api/features/{in_path(feature_id)}").body, as_json, _shown)


@app.command()
@told
def cancel(
    feature_id: FeatureId, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False
) -> None:
    """Cancel a job."""
    connect(gateway, key).delete(f"/api/features/{in_path(feature_id)}")
    emit({"feature_id": feature_id, "cancelled": True}, as_json, lambda _: cell(f"✓ {feature_id} is cancelled"))


def _followed(client: Client, feature_id: str, *, quiet: bool) -> dict[str, Any]:
    """The job when it has ended. Ctrl-C cancels it."""
    path = f"/api/features/{in_path(feature_id)}"
    try:
        for name, told in client.events(f"{path}/events"):
            if name == "progress" and not quiet:
                err().print(progress_line(told))
    except KeyboardInterrupt:
        client.delete(path)
        raise
    found: dict[str, Any] = client.get(path).body
    return found


def _finish(feature: dict[str, Any], checkout: Checkout | None) -> None:
    if feature["state"] != "completed":
        error = feature["error"] or {"error_type": "cancelled", "detail": "the job was cancelled", "tips": []}
        raise ProblemError(Problem(error["error_type"], error["detail"], tuple(error["tips"])))
    if checkout is not None:
        for path in apply(checkout, feature["result"]["files"]):
            err().print(cell(f"✓ wrote {path}", "green"))


def _shown(feature: dict[str, Any]) -> RenderableType:
    return Group(*(progress_line(one) for one in feature["progress"]), produced(feature))
