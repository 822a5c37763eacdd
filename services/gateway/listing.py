"""Pure: the models that a caller sees, custom and provider in one list, and why one of them cannot be used."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from shared.access import Caller
from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_sealed
from shared.errors import ErrorType
from shared.events import ModelHealthChanged
from shared.registry import Model, TenantModels
from shared.registry.secrets import api_key_context, headers_context
from shared.registry.terms import matches
from shared.selection.conditions import Health


class Obstacle(NamedTuple):
    """Why a model cannot be used, and what would help."""

    error_type: ErrorType
    reason: str


def listed(models: TenantModels, caller: Caller, health: Health, ring: KeyRing) -> list[dict[str, Any]]:
    """The entries of GET /api/models/list."""
    return [_entry(model, obstacle(model, models, caller, ring), health.get(model.id)) for model in models.all]


def usable(models: TenantModels, caller: Caller, ring: KeyRing) -> Iterable[Model]:
    return (model for model in models.all if obstacle(model, models, caller, ring) is None)


def obstacle(model: Model, models: TenantModels, caller: Caller, ring: KeyRing) -> Obstacle | None:
    if caller.allowed_models is not None and not matches(caller.allowed_models, model.id):
        return Obstacle("permission_denied", "this API key may not use it")
    if not model.is_custom and not models.terms.allows_provider_model(model.id):
        return Obstacle("provider_not_allowed", "your tenant's plan does not allow it; ask your operator")
    if not model.is_active:
        return Obstacle("no_model_available", f"it is not active: tallygate models activate {model.id}")
    if model.lacks_key:
        told = f"no key of {model.provider_name} is stored: tallygate providers set-key {model.provider_name}"
        return Obstacle("authentication_failed", told)
    unreadable = unreadable_secret(model, ring)
    return Obstacle("key_unreadable", f"its stored secret cannot be opened: {unreadable}") if unreadable else None


def unreadable_secret(model: Model, ring: KeyRing) -> str | None:
    """Why a secret of the model cannot be opened; None when all can."""
    sealed: list[tuple[SealedContext, str | None]] = [
        (api_key_context(model), model.sealed_api_key),
        (headers_context(model), model.sealed_headers),
    ]
    try:
        for context, text in sealed:
            if text is not None:
                open_sealed(ring, context, text)
    except UnreadableSecretError as error:
        return str(error)
    return None


def _entry(model: Model, why_not: Obstacle | None, health: ModelHealthChanged | None) -> dict[str, Any]:
    return {
        "id": model.id,
        "kind": "custom" if model.is_custom else "provider",
        "owner": model.tenant_id if model.is_custom else model.provider_name,
        "provider": model.provider_name,
        "server_address": model.server_address,
        "upstream_model": model.upstream_model,
        "context_window": model.context_window,
        "capabilities": model.capabilities.model_dump(),
        "price": model.price.model_dump() if model.price else None,
        "weight": model.weight,
        "key": _whose_key(model),
        "health": _health(health),
        "usable": why_not is None,
        "error_type": why_not.error_type if why_not else None,
        "reason": why_not.reason if why_not else _warning(health),
    }


def _whose_key(model: Model) -> str:
    if model.sealed_api_key is not None:
        return "own"
    return "deployment" if model.plain_api_key is not None else "none"


def _health(health: ModelHealthChanged | None) -> dict[str, Any]:
    if health is None:
        return {"status": "unknown", "reason": "no calls lately", "p50_s": None, "changed_at": None}
    return {
        "status": health.status,
        "reason": health.reason,
        "p50_s": health.p50_s,
        "changed_at": health.changed_at.isoformat(),
    }


def _warning(health: ModelHealthChanged | None) -> str | None:
    if health is None or health.status != "unhealthy":
        return None
    return f"unhealthy, so others are tried before it: {health.reason}"
