"""Pure: from what a tenant sends to what is stored, and on to what is shown. Secrets go in sealed, never out."""

import ipaddress
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import orjson

from services.gateway.admission import InvalidBodyError
from services.gateway.schemas import CustomModelChange, CustomModelCreate
from services.gateway.store import StoredModel
from shared.crypto import KeyRing, SealedContext, seal
from shared.registry import Model, WireFormat
from shared.registry.models import CUSTOM_PREFIX, base_url

_WIRE_FORMATS: dict[str, WireFormat] = {"openai-compatible": "openai", "anthropic-compatible": "anthropic"}
_PROVIDERS = {wire: provider for provider, wire in _WIRE_FORMATS.items()}


def model_name_of(model_id: str) -> str:
    """The stored id: callers may write `my-model` or `custom:my-model`."""
    return model_id.removeprefix(CUSTOM_PREFIX)


def stored_model(ring: KeyRing, tenant_id: str, body: CustomModelCreate) -> StoredModel:
    wire_format = _WIRE_FORMATS[body.provider]
    return StoredModel(
        model_id=body.model_id,
        model_name=body.model_name or body.model_id,
        description=body.description,
        wire_format=wire_format,
        endpoint_url=checked_endpoint(body.endpoint_url, wire_format),
        sealed_api_key=_sealed_key(ring, tenant_id, body.model_id, body.api_key),
        sealed_headers=_sealed_headers(ring, tenant_id, body.model_id, body.headers),
        config=body.config,
        context_window=body.context_window,
        max_concurrency=body.max_concurrency,
        price=body.price.model_dump() if body.price else None,
        timeout_s=body.timeout_s,
        is_active=body.is_active,
    )


def changed_model(ring: KeyRing, tenant_id: str, row: asyncpg.Record, body: CustomModelChange) -> StoredModel:
    """The row with what was sent put in its place; what was not sent stays."""
    model = StoredModel(*(row[name] for name in StoredModel._fields))
    sent = body.model_fields_set
    wire_format = _WIRE_FORMATS[body.provider] if body.provider else model.wire_format
    values: dict[str, Any] = {"wire_format": wire_format}
    for name in ("description", "config", "context_window", "max_concurrency", "timeout_s", "is_active"):
        if name in sent:
            values[name] = getattr(body, name)
    if "model_name" in sent:
        values["model_name"] = body.model_name or model.model_id
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
        "provider": _PROVIDERS[row["wire_format"]],
        "endpoint_url": row["endpoint_url"],
        "has_api_key": row["sealed_api_key"] is not None,
        "has_headers": row["sealed_headers"] is not None,
        "config": row["config"],
        "context_window": row["context_window"],
        "max_concurrency": row["max_concurrency"],
        "price": row["price"],
        "timeout_s": row["timeout_s"],
        "is_active": row["is_active"],
        "created_at": _iso(row["created_at"]),
        "updated_at": _iso(row["updated_at"]),
    }


def listed_model(model: Model) -> dict[str, Any]:
    """One entry of GET /api/models/list."""
    return {
        "id": model.id,
        "kind": "custom" if model.is_custom else "provider",
        "owner": model.tenant_id if model.is_custom else model.provider_name,
        "provider": model.provider_name,
        "server_address": model.server_address,
        "upstream_model": model.upstream_model,
        "context_window": model.context_window,
        "price": model.price.model_dump() if model.price else None,
        "usable": model.is_active,
        "reason": None if model.is_active else "it is not active; PATCH it with is_active: true",
    }


def checked_endpoint(endpoint_url: str, wire_format: WireFormat) -> str:
    """The base URL, or an InvalidBodyError that says what is wrong with it."""
    try:
        parts = urlsplit(endpoint_url.strip())
        port = parts.port
    except ValueError as error:
        raise InvalidBodyError(f"endpoint_url: {error}", "endpoint_url") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidBodyError("endpoint_url must look like https://host/v1", "endpoint_url")
    if "@" in parts.netloc:
        raise InvalidBodyError("endpoint_url must not hold credentials; use api_key or headers", "endpoint_url")
    if "?" in endpoint_url or "#" in endpoint_url:
        raise InvalidBodyError("endpoint_url must not have a query or fragment", "endpoint_url")
    if port == 0 or not _is_host(parts.hostname) or not endpoint_url.isprintable():
        raise InvalidBodyError("endpoint_url does not name a valid host and port", "endpoint_url")
    return base_url(endpoint_url, wire_format)


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        try:
            return re.fullmatch(rb"[A-Za-z0-9._-]+", host.encode("idna")) is not None
        except UnicodeError:
            return False
    return True


def _as_wire(wire_format: str) -> WireFormat:
    return "anthropic" if wire_format == "anthropic" else "openai"


def _sealed_key(ring: KeyRing, tenant_id: str, model_id: str, api_key: str | None) -> str | None:
    if not api_key:
        return None
    return seal(ring, SealedContext(tenant_id, "model_api_key", model_id), api_key.encode())


def _sealed_headers(ring: KeyRing, tenant_id: str, model_id: str, headers: dict[str, str]) -> str | None:
    if not headers:
        return None
    return seal(ring, SealedContext(tenant_id, "model_headers", model_id), orjson.dumps(headers))


def _iso(at: datetime) -> str:
    return at.isoformat()
