"""Pure: what has to be sent so that the gateway's models are as a file says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from services.cli.models_file import ModelEntry
from shared.registry import Capabilities
from shared.registry.models import WireFormat, base_url

Status = Literal["created", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class Planned:
    """`fields` are those that differ. `body` is what to send; a secret is always in it, since none can be compared."""

    model_id: str
    status: Status
    fields: tuple[str, ...]
    body: dict[str, Any]


def planned(entry: ModelEntry, secrets: Mapping[str, str], existing: Mapping[str, Any] | None) -> Planned:
    """`secrets` by field as in ModelEntry.secrets. `existing`: the model as the gateway shows it."""
    said = entry.model_dump(exclude_unset=True) | _with_secrets(entry, secrets)
    if existing is None:
        return Planned(entry.model_id, "created", tuple(sorted(said)), said)
    fields = tuple(sorted(name for name in said if _differs(name, said[name], existing)))
    sent = {name: value for name, value in said.items() if name in fields or (name in _SECRETS and value)}
    return Planned(entry.model_id, "changed" if fields else "unchanged", fields, sent)


_SECRETS = {"api_key": "has_api_key", "headers": "has_headers"}


def _with_secrets(entry: ModelEntry, secrets: Mapping[str, str]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if "api_key" in entry.model_fields_set:
        said["api_key"] = secrets.get("api_key")
    if "headers" in entry.model_fields_set:
        said["headers"] = {name: secrets[f"headers.{name}"] for name in entry.headers}
    return said


def _differs(name: str, value: Any, existing: Mapping[str, Any]) -> bool:
    if name in _SECRETS:
        return bool(value) != bool(existing.get(_SECRETS[name]))
    before = existing.get(name)
    match name:
        case "endpoint_url":
            same = _base(value, existing) == before
        case "capabilities":
            same = Capabilities(**value) == Capabilities(**(before or {}))
        case "model_name":
            same = (value or existing["model_id"]) == before
        case _:
            same = value == before
    return not same


def _base(endpoint_url: str, existing: Mapping[str, Any]) -> str:
    wire_format: WireFormat = "anthropic" if existing.get("provider") == "anthropic-compatible" else "openai"
    return base_url(endpoint_url, wire_format)
