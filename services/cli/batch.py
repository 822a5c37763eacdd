"""`tallygate batch`: many requests in one file, run to their end."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.listing import Fields, Listing
from services.cli.output import cell, emit, instant, say, usd
from services.cli.problem import refused, reports_problems
from shared.batches import ENDPOINTS, LAST_STATES
from shared.client import Client, ProblemError, in_path
from shared.client.requests import BATCHES, FILES, SPENT_BY_SESSION

app = typer.Typer(no_args_is_help=True, help="Batches: many requests in one file, answered within hours.")

BatchArgument = Annotated[str, typer.Argument(metavar="BATCH", help="As `batch list` shows it.")]

_HASH = "tallygate_sha256"  # in the metadata: of the file and the endpoint, by which a batch is found again
_LOOK_EVERY_S = 2.0
_PAGE, _PAGES = 100, 10  # of the newest batches, among which one that runs already is looked for
_UPLOAD_TIMEOUT_S = 300.0
_STYLES = {"completed": "green", "failed": "red", "expired": "red", "cancelled": "red"}
_GONE = {"failed", "expired", "cancelling", "cancelled"}  # such a file is run anew
_TIMES = ("created_at", "in_progress_at", "expires_at", "cancelling_at", "finalizing_at")


@app.command()
@reports_problems
def run(
    file: Annotated[Path, typer.Argument(help="JSONL: a request a line, as OpenAI's batches have it.")],
    endpoint: Annotated[str | None, typer.Option(help="Otherwise the `url` of the first line.")] = None,
    window: Annotated[str, typer.Option(help="Hours (24h) or days (7d) that it may take.")] = "24h",
    output: Annotated[
        Path | None, typer.Option(help="Where answers are written; otherwise beside the file, as <name>.output.jsonl.")
    ] = None,
    again: Annotated[bool, typer.Option(help="Begin anew, also when this file was run before.")] = False,
    detach: Annotated[bool, typer.Option(help="Do not wait for its end.")] = False,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a file to its end, and write its answers and errors beside it. Run once more, it goes on: a file that was
    run before is known by its content. Exit status 1 unless every line was answered."""
    client = connect(gateway, key)
    endpoint = endpoint or _endpoint_of(file)
    known_by = _digest(file, endpoint)
    batch = None if again else _found(client, known_by)
    if batch is None:
        batch = _begun(client, file, endpoint, window, known_by)
    else:
        say(f"goes on with {batch['id']}, which runs this file")
    if not detach:
        batch = _watched(client, batch)
        batch |= {"written": _written(client, batch, file, output)}
    emit(batch | {"cost_usd": _cost(client, batch)}, as_json, _shown)
    if not detach and (batch["status"] != "completed" or batch["request_counts"]["failed"]):
        raise typer.Exit(1)


@app.command("list")
@reports_problems
def list_batches(
    limit: Annotated[int, typer.Option(min=1, max=100, help="The newest so many.")] = 20,
    after: Annotated[str | None, typer.Option(help="As the page before ends with.")] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """List your tenant's batches, the newest first."""
    emit(connect(gateway, key).get(BATCHES, limit=str(limit), after=after).body, as_json, _listed)


@app.command()
@reports_problems
def show(
    batch: BatchArgument, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False
) -> None:
    """Show a batch: how far it is, what it has cost so far, and what is wrong with its file, if anything is."""
    client = connect(gateway, key)
    found = client.get(_path(batch)).body
    emit(found | {"cost_usd": _cost(client, found)}, as_json, _shown)


@app.command()
@reports_problems
def cancel(
    batch: BatchArgument, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False
) -> None:
    """Cancel a batch: no more of its lines are begun. What was answered stays."""
    found = connect(gateway, key).post(f"{_path(batch)}/cancel", {}).body
    emit(found, as_json, lambda body: cell(f"{body['id']} is {body['status']}", "yellow"))


def _path(batch: str) -> str:
    return f"{BATCHES}/{in_path(batch)}"


def _endpoint_of(file: Path) -> str:
    """Raises ProblemError."""
    known = f"Name it: --endpoint, of {', '.join(ENDPOINTS)}"
    try:
        with file.open("rb") as lines:
            first = json.loads(next(line for line in lines if line.strip()))
        url: Any = first["url"]
    except OSError as error:
        raise refused(f"{file} cannot be read: {error.strerror}") from None
    except (StopIteration, ValueError, TypeError, KeyError):
        raise refused(f"the first line of {file} is no JSON object with a url", known) from None
    if url not in ENDPOINTS:
        raise refused(f"the first line of {file} is for an endpoint that batches have not", known)
    return str(url)


def _digest(file: Path, endpoint: str) -> str:
    with file.open("rb") as content:
        found = hashlib.file_digest(content, "sha256")
    found.update(endpoint.encode())
    return found.hexdigest()


def _found(client: Client, known_by: str) -> dict[str, Any] | None:
    """The newest batch of the same file that has not failed, expired or been cancelled."""
    return next((one for one in _newest(client) if _is_same(one, known_by)), None)


def _newest(client: Client) -> Iterator[dict[str, Any]]:
    after: str | None = None
    for _ in range(_PAGES):
        page = client.get(BATCHES, limit=str(_PAGE), after=after).body
        yield from page["data"]
        after = page["last_id"]
        if not page["has_more"]:
            return


def _is_same(one: dict[str, Any], known_by: str) -> bool:
    return (one["metadata"] or {}).get(_HASH) == known_by and one["status"] not in _GONE


def _begun(client: Client, file: Path, endpoint: str, window: str, known_by: str) -> dict[str, Any]:
    say(f"uploads {file.name}")
    uploaded = client.upload(FILES, {"purpose": "batch"}, file, _UPLOAD_TIMEOUT_S).body
    asked = {
        "input_file_id": uploaded["id"], "endpoint": endpoint, "completion_window": window,
        "metadata": {_HASH: known_by, "file": file.name[:200]},
    }  # fmt: skip
    begun: dict[str, Any] = client.post(BATCHES, asked).body
    say(f"{begun['id']} is begun; it goes on without this command")
    return begun


def _watched(client: Client, batch: dict[str, Any]) -> dict[str, Any]:
    """Until it has ended. A gateway that is away is waited for."""
    told = ""
    began_at, began_with = time.monotonic(), _done(batch)
    while batch["status"] not in LAST_STATES:
        time.sleep(_LOOK_EVERY_S)
        with suppress(ProblemError):
            batch = client.get(_path(batch["id"])).body
        rate = (_done(batch) - began_with) / (time.monotonic() - began_at)
        line = _progress(batch, rate, _cost(client, batch))
        if line != told:
            say(line)
            told = line
    return batch


def _progress(batch: dict[str, Any], rate: float, cost: float | None) -> str:
    counts, done = batch["request_counts"], _done(batch)
    words = f"{batch['status']}: {done} of {counts['total']} lines"
    if counts["failed"]:
        words += f", {counts['failed']} failed"
    if rate > 0 and batch["status"] == "in_progress":
        words += f", about {_lasting((counts['total'] - done) / rate)} left"
    if cost and done:
        words += f", {usd(cost)} so far, about {usd(round(cost / done * counts['total'], 6))} in all"
    return words + (f"; waits: {batch['waiting_for']}" if batch["waiting_for"] else "")


def _lasting(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _done(batch: dict[str, Any]) -> int:
    counts = batch["request_counts"]
    return int(counts["completed"]) + int(counts["failed"])


def _cost(client: Client, batch: dict[str, Any]) -> float | None:
    """Of its session so far. None when that cannot be told, as to a key that may not see what is spent."""
    since = datetime.fromtimestamp(batch["created_at"], UTC).isoformat()
    with suppress(ProblemError):
        found = client.get(SPENT_BY_SESSION, **{"from": since}).body["sessions"]
        return next((float(one["cost_usd"]) for one in found if one["session"] == batch["session"]), None)
    return None


def _written(client: Client, batch: dict[str, Any], file: Path, output: Path | None) -> list[str]:
    """Names of the files."""
    answers = output or file.with_name(f"{file.stem}.output.jsonl")
    places = {"output_file_id": answers, "error_file_id": answers.with_name(f"{file.stem}.errors.jsonl")}
    written: list[str] = []
    for name, place in places.items():
        if batch[name] is not None:
            client.download(f"{FILES}/{in_path(batch[name])}/content", place, _UPLOAD_TIMEOUT_S)
            written.append(str(place))
    return written


def _listed(body: dict[str, Any]) -> RenderableType:
    made = Listing("batch", "status", "lines", "done", "failed", "endpoint", "created (UTC)",
                   numbers=("lines", "done", "failed"))  # fmt: skip
    for one in body["data"]:
        counts = one["request_counts"]
        numbers = (counts["total"], _done(one), counts["failed"])
        made.add_row(cell(one["id"]), _status(one), *map(cell, numbers), cell(one["endpoint"]),
                     cell(_instant(one["created_at"])))  # fmt: skip
    if not body["data"]:
        return cell("There are no batches. Run one: tallygate batch run FILE")
    more = [cell(f"More: --after {body['last_id']}", "dim")] if body["has_more"] else []
    return Group(made, *more)


def _shown(one: dict[str, Any]) -> RenderableType:
    counts = one["request_counts"]
    lines = f"{_done(one)} of {counts['total']}, {counts['failed']} failed"
    fields = [("batch", cell(one["id"])), ("status", _status(one)), ("lines", cell(lines))]
    fields += [("endpoint", cell(one["endpoint"])), ("session", cell(one["session"]))]
    fields += [("waits for", cell(one["waiting_for"], "yellow"))] if one["waiting_for"] else []
    fields += [("cost", cell(usd(one["cost_usd"])))] if one.get("cost_usd") is not None else []
    fields += [(name, cell(f"{_instant(one[name])} UTC")) for name in _TIMES if one[name]]
    fields += [(name, cell(one[name])) for name in ("output_file_id", "error_file_id") if one[name]]
    fields += [("written", cell(place)) for place in one.get("written", ())]
    errors = [_error(error) for error in (one["errors"] or {"data": ()})["data"]]
    return Group(Fields(fields), *errors)


def _error(error: dict[str, Any]) -> RenderableType:
    where = "" if error["line"] is None else f"line {error['line']}: "
    return cell(f"✗ {where}{error['message']} ({error['code']})", "red")


def _status(one: dict[str, Any]) -> Any:
    return cell(one["status"], _STYLES.get(one["status"], "yellow"))


def _instant(at: int) -> str:
    return instant(datetime.fromtimestamp(at, UTC).isoformat())
