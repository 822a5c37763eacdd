"""`tallygate models export`: the tenant's models as a file that `models apply` takes."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from services.cli.connection import GatewayOption, KeyOption, connect
from services.cli.output import say
from services.cli.problem import refused, reports_problems
from shared.client.requests import CUSTOM_MODELS
from shared.registry.definition import ModelFields

_HEAD = """\
# Models of Tallygate. Secrets are never exported: set the variables that are named here, then
#   tallygate models apply -f {file}
"""
_HIDDEN_HEADERS = "# Has headers, whose names and values are not exported; they stay as they are: {ids}\n"
_FIELDS = ("model_id", "endpoint_url", "provider", *ModelFields.model_fields)


@reports_problems
def export(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Otherwise standard output.")
    ] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
) -> None:
    """Write your models as YAML, with references in place of secrets."""
    text = exported(connect(gateway, key).get(CUSTOM_MODELS).body["models"], str(output or "models.yaml"))
    if output is None:
        print(text, end="")
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise refused(f"{output} cannot be written: {error.strerror}") from None
    say(f"✓ {output} is written", "green")


def exported(models: Iterable[Mapping[str, Any]], file: str) -> str:
    models = list(models)
    names = variable_names([model["model_id"] for model in models])
    entries = [_entry(model, names[model["model_id"]]) for model in models]
    hidden = ", ".join(model["model_id"] for model in models if model.get("has_headers"))
    head = _HEAD.format(file=file) + (_HIDDEN_HEADERS.format(ids=hidden) if hidden else "")
    return head + yaml.safe_dump({"models": entries}, sort_keys=False, allow_unicode=True, width=120)


def variable_names(model_ids: Iterable[str]) -> dict[str, str]:
    """TALLYGATE_<ID>_API_KEY; a number is added where two ids would share one."""
    names: dict[str, str] = {}
    for model_id in model_ids:
        plain = f"TALLYGATE_{re.sub(r'[^A-Z0-9]', '_', model_id.upper())}"
        number, name = 1, f"{plain}_API_KEY"
        while name in names.values():
            number += 1
            name = f"{plain}_{number}_API_KEY"
        names[model_id] = name
    return names


def _entry(model: Mapping[str, Any], variable: str) -> dict[str, Any]:
    """What is as it would be anyway is left out."""
    entry = {name: model[name] for name in _FIELDS if model.get(name) not in (None, "", {})}
    if entry.get("model_name") == model["model_id"]:
        del entry["model_name"]
    if model["has_api_key"]:
        entry["api_key"] = {"env": variable}
    return entry
