"""Pure: from what a tenant sends to what is stored, and on to what is shown. Secrets go in sealed, never out."""

from datetime import datetime
from typing import Any

import asyncpg
import orjson

from services.gateway.admission import InvalidBodyError
from services.gateway.schemas import CustomModelChange, CustomModelCreate
from services.gateway.store import StoredModel
from shared.crypto import KeyRing, open_sealed, seal
from shared.errors import TallygateError
from shared.guard import Guard
from shared.registry import WireFormat
from shared.registry.models import CUSTOM_PREFIX, base_url
from shared.registry.secrets import custom_headers_context, custom_key_context

WIRE_FORMATS: dict[str, WireFormat] = {"openai-compatible": "openai", "anthropic-compatible": "anthropic"}
PROVIDERS = {wire: provider for provider, wire in WIRE_FORMATS.items()}


def model_name_of(model_id: str) -> str:
    """The stored id: callers may write `my-model` or `custom:my-model`."""
    return model_id.removeprefix(CUSTOM_PREFIX)


def stored_model(ring: KeyRing, tenant_id: str, body: CustomModelCreate) -> StoredModel:
    wire_format = WIRE_FORMATS[body.provider]
    return StoredModel(
        model_id=body.model_id,
        model_name=body.model_name or body.model_id,
        description=body.description,
        wire_format=wire_format,
        endpoint_url=checked_endpoint(body.endpoint_url, wire_format),
        sealed_api_key=_sealed_key(ring, tenant_id, body.model_id, body.api_key),
        sealed_headers=_sealed_headers(ring, tenant_id, body.model_id, body.headers),
        config=body.config,
        capabilities=body.capabilities.model_dump(exclude_unset=True),
        context_window=body.context_window,
        max_concurrency=body.max_concurrency,
        price=body.price.model_dump() if body.price else None,
        timeout_s=body.timeout_s,
        weight=body.weight,
        is_active=body.is_active,
    )


def changed_model(ring: KeyRing, tenant_id: str, row: asyncpg.Record, body: CustomModelChange) -> StoredModel:
    """The row with what was sent put in its place; what was not sent stays."""
    model = StoredModel(*(row[name] for name in StoredModel._fields))
    sent = body.model_fields_set
    wire_format = WIRE_FORMATS[body.provider] if body.provider else model.wire_format
    values: dict[str, Any] = {"wire_format": wire_format}
    for name in ("description", "config", "context_window", "max_concurrency", "timeout_s", "weight", "is_active"):
        if name in sent:
            values[name] = getattr(body, name)
    if "model_name" in sent:
        values["model_name"] = body.model_name or model.model_id
    if "capabilities" in sent:
        values["capabilities"] = body.capabilities.model_dump(exclude_unset=True)
    if "price" in sent:
        values["price"] = body.price.model_dump() if body.price else None
    if "api_key" in sent:
        values["sealed_api_key"] = _sealed_key(ring, tenant_id, model.model_id, body.api_key)
    if "headers" in sent:
        values["sealed_headers"] = _sealed_headers(ring, tenant_id, model.model_id, body.headers)
    if body.endpoint_url is not None:
        values["endpoint_url"] = checked_endpoint(body.endpoint_url, _as_wire(wire_format))
    return model._replace(**values)


def public_model(row: asyncpg.Record) -> dict[str, Any]:
    """As the API shows it: has_api_key and header names, never the key or a header's value."""
    return {
        "id": CUSTOM_PREFIX + row["model_id"],
        "model_id": row["model_id"],
        "model_name": row["model_name"],
        "description": row["description"],
        "provider": PROVIDERS[row["wire_format"]],
        "endpoint_url": row["endpoint_url"],
        "has_api_key": row["sealed_api_key"] is not None,
        "has_headers": row["sealed_headers"] is not None,
        "config": row["config"],
        "capabilities": row["capabilities"],
        "context_window": row["context_window"],
        "max_concurrency": row["max_concurrency"],
        "price": row["price"],
        "timeout_s": row["timeout_s"],
        "weight": row["weight"],
        "is_active": row["is_active"],
        "created_at": _iso(row["created_at"]),
        "updated_at": _iso(row["updated_at"]),
    }


def opened_secrets(ring: KeyRing, tenant_id: str, row: asyncpg.Record) -> tuple[str | None, dict[str, str]]:
    """Key and headers of a stored model. Raises UnreadableSecretError."""
    key, headers = row["sealed_api_key"], row["sealed_headers"]
    opened_key = key and open_sealed(ring, custom_key_context(tenant_id, row["model_id"]), key).decode()
    opened = headers and open_sealed(ring, custom_headers_context(tenant_id, row["model_id"]), headers)
    return opened_key, orjson.loads(opened) if opened else {}


def checked_endpoint(endpoint_url: str, wire_format: WireFormat) -> str:
    """The base URL, or an InvalidBodyError that says what is wrong with it. Where it leads is asked by the guard."""
    base = base_url(endpoint_url, wire_format)
    try:
        for url in (endpoint_url.strip(), base):  # the path that is cut off may have been the host
            Guard.check_url(url)
    except TallygateError as error:
        raise InvalidBodyError(error.failure.detail, "endpoint_url") from None
    return base


def _as_wire(wire_format: str) -> WireFormat:
    return "anthropic" if wire_format == "anthropic" else "openai"


def _sealed_key(ring: KeyRing, tenant_id: str, model_id: str, api_key: str | None) -> str | None:
    if not api_key:
        return None
    return seal(ring, custom_key_context(tenant_id, model_id), api_key.encode())


def _sealed_headers(ring: KeyRing, tenant_id: str, model_id: str, headers: dict[str, str]) -> str | None:
    if not headers:
        return None
    return seal(ring, custom_headers_context(tenant_id, model_id), orjson.dumps(headers))


def _iso(at: datetime) -> str:
    return at.isoformat()
