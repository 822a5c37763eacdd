"""Pure: from what a tenant sends to what is stored, and on to what is shown. Secrets go in sealed, never out."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import orjson
from pydantic import BaseModel

from services.gateway.bodies import InvalidBodyError
from services.gateway.models.schemas import CustomModelChange, CustomModelCreate
from services.gateway.models.store import StoredModel
from shared.crypto import KeyRing, seal
from shared.errors import TallygateError
from shared.registry import Model
from shared.registry.definition import (
    PROTOCOLS,
    WIRE_FORMATS,
    ModelFields,
    SecretField,
    checked_base,
    unsaid_secrets,
)
from shared.registry.models import CUSTOM_PREFIX, server_address
from shared.registry.secrets import custom_headers_context, custom_key_context
from shared.wire import WireFormat


class SecretsWouldMoveError(InvalidBodyError):
    """The change moves the endpoint to another server and does not say what happens to the model's stored secrets."""

    def __init__(self, unsaid: Sequence[SecretField]) -> None:
        fields = " and ".join(unsaid)
        super().__init__(
            f"endpoint_url leads to another server, and the stored {fields} would be sent there", "endpoint_url"
        )
        tip = f"Send {fields} too, in the same request: what the new server is to get, or null for nothing."
        self.failure = self.failure.model_copy(update={"tips": (tip,)})


def model_name_of(model_id: str) -> str:
    """The stored id: callers may write `my-model` or `custom:my-model`."""
    return model_id.removeprefix(CUSTOM_PREFIX)


def stored_model(ring: KeyRing, tenant_id: str, body: CustomModelCreate) -> StoredModel:
    wire_format = WIRE_FORMATS[body.provider]
    return StoredModel(
        **_columns(body, ModelFields.model_fields, body.model_id),
        model_id=body.model_id,
        wire_format=wire_format,
        endpoint_url=checked_endpoint(body.endpoint_url, wire_format),
        sealed_api_key=_sealed_key(ring, tenant_id, body.model_id, body.api_key),
        sealed_headers=_sealed_headers(ring, tenant_id, body.model_id, body.headers),
    )


def changed_model(ring: KeyRing, tenant_id: str, row: asyncpg.Record, body: CustomModelChange) -> StoredModel:
    """The row with what was sent put in its place; what was not sent stays.

    Raises InvalidBodyError when a stored secret would go to another server without anybody having said so.
    """
    model = StoredModel(*(row[name] for name in StoredModel._fields))
    sent = body.model_fields_set
    wire_format = WIRE_FORMATS[body.provider] if body.provider else model.wire_format
    values = _columns(body, sent & ModelFields.model_fields.keys(), model.model_id)
    if "api_key" in sent:
        values["sealed_api_key"] = _sealed_key(ring, tenant_id, model.model_id, body.api_key)
    if "headers" in sent:
        values["sealed_headers"] = _sealed_headers(ring, tenant_id, model.model_id, body.headers)
    if body.endpoint_url is not None:
        values["endpoint_url"] = checked_endpoint(body.endpoint_url, wire_format)
        _refuse_to_move_secrets(model, values["endpoint_url"], sent)
    return model._replace(wire_format=wire_format, **values)


def servers_changed(row: asyncpg.Record, model: StoredModel) -> dict[str, str]:
    """For the record of changes: from which server to which; nothing when it is the same."""
    before, after = server_address(row["endpoint_url"]), server_address(model.endpoint_url)
    return {} if before == after else {"old_server": before, "new_server": after}


def public_model(row: asyncpg.Record) -> dict[str, Any]:
    """As the API shows it: has_api_key and has_headers, never the key or a header."""
    return {
        "id": CUSTOM_PREFIX + row["model_id"],
        "model_id": row["model_id"],
        "provider": PROTOCOLS[row["wire_format"]],
        "endpoint_url": row["endpoint_url"],
        "has_api_key": row["sealed_api_key"] is not None,
        "has_headers": row["sealed_headers"] is not None,
        **{name: row[name] for name in ModelFields.model_fields},
        "created_at": _iso(row["created_at"]),
        "updated_at": _iso(row["updated_at"]),
    }


def callable_model(tenant_id: str, row: asyncpg.Record) -> Model:
    """A stored model as the value that calls and probes need."""
    return Model(
        id=CUSTOM_PREFIX + row["model_id"],
        tenant_id=tenant_id,
        wire_format=row["wire_format"],
        provider_name=row["wire_format"],
        endpoint_url=row["endpoint_url"],
        sealed_api_key=row["sealed_api_key"],
        sealed_headers=row["sealed_headers"],
        config=row["config"] or {},
    )


def checked_endpoint(endpoint_url: str, wire_format: WireFormat) -> str:
    """The base URL, or an InvalidBodyError that says what is wrong with it. Where it leads is asked by the guard."""
    try:
        return checked_base(endpoint_url, wire_format)
    except TallygateError as error:
        raise InvalidBodyError(error.failure.detail, "endpoint_url") from None


def _columns(body: ModelFields, names: Iterable[str], model_id: str) -> dict[str, Any]:
    """These fields as they are stored."""
    columns = {name: getattr(body, name) for name in names}
    for name, value in columns.items():
        if isinstance(value, BaseModel):
            columns[name] = value.model_dump(exclude_unset=True)
    if "model_name" in columns:
        columns["model_name"] = body.model_name or model_id
    return columns


def _refuse_to_move_secrets(model: StoredModel, endpoint_url: str, sent: Collection[str]) -> None:
    sealed: dict[SecretField, str | None] = {"api_key": model.sealed_api_key, "headers": model.sealed_headers}
    stored = [name for name, value in sealed.items() if value is not None]
    unsaid = unsaid_secrets(model.endpoint_url, endpoint_url, stored, sent)
    if unsaid:
        raise SecretsWouldMoveError(unsaid)


def _sealed_key(ring: KeyRing, tenant_id: str, model_id: str, api_key: str | None) -> str | None:
    if not api_key:
        return None
    return seal(ring, custom_key_context(tenant_id, model_id), api_key.encode())


def _sealed_headers(ring: KeyRing, tenant_id: str, model_id: str, headers: dict[str, str] | None) -> str | None:
    if not headers:
        return None
    return seal(ring, custom_headers_context(tenant_id, model_id), orjson.dumps(headers))


def _iso(at: datetime) -> str:
    return at.isoformat()
