"""`tallygate models apply`: make the gateway's models as a file says, and leave all others alone."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError
from rich.text import Text

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.models.calls import model_path
from services.cli.models.file import ModelEntry, Reference, read_models_file
from services.cli.models.plan import Planned, planned
from services.cli.output import emit, plain
from services.cli.problem import refused, reports_problems, words
from shared.client import Client, Problem, ProblemError
from shared.client.requests import CUSTOM_MODELS
from shared.registry.definition import HeaderValue, Secret

_KEY: TypeAdapter[str] = TypeAdapter(Secret)
_HEADER: TypeAdapter[str] = TypeAdapter(HeaderValue)
_MARKS = {"created": ("+", "green"), "changed": ("~", "yellow"), "unchanged": ("=", "dim"), "failed": ("✗", "red")}


@reports_problems
def apply(
    file: Annotated[Path, typer.Option("--file", "-f", help="The YAML file; see docs/models.md.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create the file's models that are not there, change those that differ, and leave all others alone."""
    entries = read_models_file(file)
    secrets = [_resolved(entry, file.parent, os.environ) for entry in entries]
    client = connect(gateway, key)
    existing = {model["model_id"]: model for model in client.get(CUSTOM_MODELS).body["models"]}
    plans = [planned(entry, own, existing.get(entry.model_id)) for entry, own in zip(entries, secrets, strict=True)]
    results = [_done(plan) if dry_run else _applied(client, plan) for plan in plans]
    emit({"models": results, "dry_run": dry_run}, as_json, _view)
    if any(result["status"] == "failed" for result in results):
        raise typer.Exit(1)


def _applied(client: Client, plan: Planned) -> dict[str, Any]:
    """A model that cannot be applied is a result of its own: the others are applied all the same."""
    try:
        if plan.status == "created":
            client.post(CUSTOM_MODELS, plan.body)
        elif plan.body:
            client.patch(model_path(plan.model_id), plan.body)
    except ProblemError as error:
        return _done(plan) | {"status": "failed", "error": asdict(error.problem)}
    return _done(plan)


def _done(plan: Planned) -> dict[str, Any]:
    return {"model_id": plan.model_id, "status": plan.status, "fields": list(plan.fields), "error": None}


def _resolved(entry: ModelEntry, folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Raises ProblemError when a secret cannot be read or sent; called before anything is changed."""
    return {
        field: _sendable(field, _secret(reference, f"{entry.model_id}: {field}", folder, environment), entry.model_id)
        for field, reference in entry.secrets.items()
    }


def _sendable(field: str, value: str, model_id: str) -> str:
    """Checked here, because the gateway would refuse the value only after other models have been changed."""
    try:
        return (_KEY if field == "api_key" else _HEADER).validate_python(value)
    except ValidationError:
        detail = f"{model_id}: {field}: what it refers to cannot be sent in a header; nothing was changed"
        tip = "It must be one line of printable ASCII, of at most 4096 characters, and a key must hold no spaces."
        raise refused(detail, tip) from None


def _secret(reference: Reference, where: str, folder: Path, environment: Mapping[str, str]) -> str:
    if reference.env is not None:
        value = environment.get(reference.env, "").strip()
        if not value:
            tip = f"Set it: export {reference.env}=..."
            raise refused(f"{where}: the variable {reference.env} is not set; nothing was changed", tip)
        return value
    path = folder / str(reference.file)
    try:
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise refused(f"{where}: {path} cannot be read: {reason}; nothing was changed") from None
    if not value:
        raise refused(f"{where}: {path} is empty; nothing was changed")
    return value


def _view(body: dict[str, Any]) -> Text:
    text = Text()
    for result in body["models"]:
        mark, style = _MARKS[result["status"]]
        fields = f" ({', '.join(result['fields'])})" if result["fields"] else ""
        text.append(f"{mark} ", style).append(plain(result["model_id"]), "bold").append(
            f" {result['status']}{fields}\n"
        )
        if result["error"] is not None:
            text.append_text(words(Problem(**result["error"]))).append("\n")
    counts = Counter(result["status"] for result in body["models"])
    counted = ", ".join(f"{counts[status]} {status}" for status in _MARKS if counts[status])
    text.append(counted or "the file names no model", "dim")
    return text.append("; nothing was sent" if body["dry_run"] else "", "dim")
