"""Pure: what has to be sent so that the gateway's models are as a file says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from services.cli.models.file import ModelEntry
from services.cli.problem import refused
from shared.registry import Capabilities
from shared.registry.definition import WIRE_FORMATS, SecretField, unsaid_secrets
from shared.wire import base_url

Status = Literal["created", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class Planned:
    """`fields` are those that differ. `body` is what to send; a secret is always in it, since none can be compared."""

    model_id: str
    status: Status
    fields: tuple[str, ...]
    body: dict[str, Any]


def planned(entry: ModelEntry, secrets: Mapping[str, str], existing: Mapping[str, Any] | None) -> Planned:
    """`secrets` by field as in ModelEntry.secrets. `existing`: the model as the gateway shows it.

    Raises ProblemError when a stored secret would go to another server and the file does not speak of it.
    """
    given = entry.model_dump(exclude_unset=True) | _with_secrets(entry, secrets)
    if existing is None:
        return Planned(entry.model_id, "created", tuple(sorted(given)), given)
    _refuse_to_move_secrets(entry, existing)
    fields = tuple(sorted(name for name in given if _differs(name, given[name], existing)))
    sent = {name: value for name, value in given.items() if name in fields or (name in _SECRETS and value)}
    return Planned(entry.model_id, "changed" if fields else "unchanged", fields, sent)


_SECRETS: dict[SecretField, str] = {"api_key": "has_api_key", "headers": "has_headers"}


def _refuse_to_move_secrets(entry: ModelEntry, existing: Mapping[str, Any]) -> None:
    stored = [name for name, shown in _SECRETS.items() if existing.get(shown)]
    unsaid = unsaid_secrets(existing["endpoint_url"], entry.endpoint_url, stored, entry.model_fields_set)
    if unsaid:
        fields = " and ".join(unsaid)
        raise refused(
            f"{entry.model_id}: its endpoint_url leads to another server than now, and the file does not say whether "
            f"the stored {fields} may be sent there; nothing was changed",
            f"Write {fields} too: {{env: NAME}} or {{file: path}} for what the new server is to get, null for nothing.",
        )


def _with_secrets(entry: ModelEntry, secrets: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if "api_key" in entry.model_fields_set:
        given["api_key"] = secrets.get("api_key")
    if "headers" in entry.model_fields_set:
        given["headers"] = {name: secrets[f"headers.{name}"] for name in entry.headers or {}}
    return given


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
    return base_url(endpoint_url, WIRE_FORMATS[existing["provider"]])
