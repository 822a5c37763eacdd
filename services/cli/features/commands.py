"""`tallygate feature`: generate code for a local checkout, watch it being made, and write it when you like it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.features.local_repository import Checkout, apply, read_checkout
from services.cli.features.views import features_table, produced, progress_line
from services.cli.output import cell, emit, err, say
from services.cli.problem import refused, reports_problems
from shared.client import Client, Event, Problem, ProblemError, in_path
from shared.policies import POLICIES

app = typer.Typer(no_args_is_help=True, help="Features: generate code for a repository.")
FeatureId = Annotated[str, typer.Argument(metavar="ID")]

_WRITING = "writing"
_ENDED = {"completed", "failed", "cancelled"}
_TRIES = 10  # streams in a row without a new event; a gateway restarts faster
_AGAIN_AFTER_S = 2.0


@app.command()
@reports_problems
def generate(
    wish: Annotated[str, typer.Argument(help="What you wish for, in your words.")],
    path: Annotated[Path, typer.Option(help="The checkout.")] = Path(),
    only: Annotated[
        list[str] | None, typer.Option(help="Send only files that match a pattern; may be repeated.")
    ] = None,
    repo: Annotated[str | None, typer.Option(help="An https:// git URL, instead of a local checkout.")] = None,
    ref: Annotated[str | None, typer.Option(help="Branch, tag or commit of --repo; otherwise its default.")] = None,
    generator: Annotated[str, typer.Option(help="llm, template, or one that is installed.")] = "llm",
    model: Annotated[str | None, typer.Option(help="As a request would name it; otherwise auto.")] = None,
    policy: Annotated[str | None, typer.Option(help=f"One of {', '.join(POLICIES)}.")] = None,
    write_to: Annotated[
        list[str] | None, typer.Option(help="Only files that match a pattern may be written; may be repeated.")
    ] = None,
    deadline_s: Annotated[float | None, typer.Option(help="Seconds until it is of no more use.")] = None,
    write: Annotated[bool, typer.Option("--apply", help="Write the files into the checkout when they pass.")] = False,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Generate code, show progress and diff. Nothing is written without --apply, and never outside of --path.

    Patterns of --only and --write-to mean the same, and are read from the root: `src` is all that lies below it,
    `src/*` what lies directly in it, `src/**/*.py` what lies at any depth below it, `*.py` a name in any folder.
    """
    if write and repo is not None:
        raise refused("--apply writes into a local checkout; with --repo there is none")
    if ref is not None and repo is None:
        raise refused("--ref goes with --repo; a local checkout is sent as it is")
    client = connect(gateway, key)
    checkout = None if repo is not None else read_checkout(path, only or ())
    body: dict[str, Any] = {
        "featureRequest": wish,
        "generator": generator,
        "model": model,
        "policy": policy,
        "deadline_s": deadline_s,
        "ref": ref,
    }
    body |= {"constraints": {"paths": write_to} if write_to else {}}
    body |= {"repo": repo} if checkout is None else {"repo": checkout.root.name, "archive": checkout.archive()}
    asked = {name: value for name, value in body.items() if value is not None}
    started = client.post("/api/repos/quality/generate-feature", asked).body
    feature = _followed(client, started["feature_id"], quiet=as_json)
    emit(feature, as_json, produced)
    _finish(feature, checkout if write else None)


@app.command("list")
@reports_problems
def list_features(gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """List your jobs, newest first."""
    emit(connect(gateway, key).get("/api/features").body, as_json, features_table)


@app.command()
@reports_problems
def show(
    feature_id: FeatureId, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False
) -> None:
    """Show a job: where it is, what it made, and what it cost."""
    emit(connect(gateway, key).get(f"/api/features/{in_path(feature_id)}").body, as_json, _shown)


@app.command()
@reports_problems
def cancel(
    feature_id: FeatureId, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False
) -> None:
    """Cancel a job. What has ended stays as it is."""
    emit(connect(gateway, key).delete(f"/api/features/{in_path(feature_id)}").body, as_json, _cancelled)


def _followed(client: Client, feature_id: str, *, quiet: bool) -> dict[str, Any]:
    """Waits until the job has ended and returns it, as GET /api/features/{id} does. Ctrl-C cancels the job."""
    path = f"/api/features/{in_path(feature_id)}"
    try:
        with err().status(f"Following {feature_id} ...") as status:
            for event in _news(client, feature_id, f"{path}/events"):
                if event.name == "progress" and not quiet:
                    status.console.print(progress_line(event.data))
                elif event.name == _WRITING:
                    status.update(f"{event.data['step']}: {event.data['characters']:,} characters so far ...")
    except KeyboardInterrupt:
        client.delete(path)
        raise
    found: dict[str, Any] = client.get(path).body
    return found


def _news(client: Client, feature_id: str, path: str) -> Iterator[Event]:
    """Every event of a job once, until it has settled.

    The job goes on when the gateway or a proxy breaks the stream off, so the stream is opened again. Each stream
    begins with the job's first event, so the events that were yielded before are skipped.
    """
    heard = tries = 0
    while True:
        why = "the stream of events ended"
        try:
            number = 0
            for event in client.events(path):
                number += event.name != _WRITING  # of these only the newest is told again
                if event.name == _WRITING or number > heard:
                    heard, tries = max(heard, number), 0
                    yield event
                if event.name == "settled":
                    return
        except ProblemError as error:
            if error.problem.status is not None and error.problem.status < 500:
                raise
            why = error.problem.detail
        tries += 1
        if tries == _TRIES:
            raise _lost(feature_id, why)
        say(f"{why}; the job goes on, and is followed again ({tries} of {_TRIES - 1})", "yellow")
        time.sleep(_AGAIN_AFTER_S)


def _lost(feature_id: str, why: str) -> ProblemError:
    detail = f"{why}, {_TRIES} times in a row; the job {feature_id} still runs, and goes on spending"
    tips = (f"Look at it: tallygate feature show {feature_id}", f"Stop it: tallygate feature cancel {feature_id}")
    return ProblemError(Problem("unavailable", detail, tips))


def _finish(feature: dict[str, Any], checkout: Checkout | None) -> None:
    if feature["state"] != "completed":
        error = feature["error"] or {"error_type": "cancelled", "detail": "the job was cancelled", "tips": []}
        raise ProblemError(Problem(error["error_type"], error["detail"], tuple(error["tips"])))
    if checkout is not None:
        for path in apply(checkout, feature["result"]["files"]):
            err().print(cell(f"✓ wrote {path}", "green"))


def _cancelled(feature: dict[str, Any]) -> RenderableType:
    if feature["state"] in _ENDED:
        return cell(f"{feature['feature_id']} had ended before: {feature['state']}")
    return cell(f"✓ {feature['feature_id']} is being cancelled; it was {feature['state']}")


def _shown(feature: dict[str, Any]) -> RenderableType:
    return Group(*(progress_line(progress) for progress in feature["progress"]), produced(feature))
