"""Pure: the models that a caller sees, custom and provider in one list, and why one of them cannot be used."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, get_args

from services.gateway.inference.admission import unknown_model
from shared.access import Caller
from shared.crypto import KeyRing
from shared.errors import TallygateError
from shared.events import ModelHealthChanged
from shared.operations import WireFormat
from shared.registry import Model, TenantModels, canonical_reference
from shared.registry.secrets import why_unreadable
from shared.selection.conditions import Health
from shared.selection.objections import UNKNOWN, Objection, standing_objection
from shared.wire import exchange_of

_NO_TIME = datetime.fromtimestamp(0, UTC)  # Anthropic's word for a time that is not known


def listed(models: TenantModels, caller: Caller, health: Health, ring: KeyRing) -> list[dict[str, Any]]:
    """The entries of GET /api/models/list."""
    return [_entry(model, obstacle(model, models, caller, ring), health.get(model.id)) for model in models.all]


def usable(models: TenantModels, caller: Caller, ring: KeyRing) -> Iterable[Model]:
    return (model for model in models.all if obstacle(model, models, caller, ring) is None)


def usable_model(models: TenantModels, reference: str, caller: Caller, ring: KeyRing) -> Model:
    """The model that the reference names. Raises TallygateError (404) when this key cannot call it now."""
    model_id = canonical_reference(reference) or reference
    model = models.get(model_id)
    if model is None or model.is_draft:
        raise unknown_model(models, model_id, caller.allowed_models)
    if (objection := obstacle(model, models, caller, ring)) is not None:
        detail = f"{model_id} cannot be used: {objection.reason}"
        raise TallygateError("model_not_found", detail, http_status=404, tips=(*objection.tips, *UNKNOWN.tips))
    return model


def openai_list(models: Iterable[Model], caller: Caller) -> dict[str, Any]:
    return {"object": "list", "data": [openai_entry(model, caller) for model in models]}


def anthropic_list(models: Iterable[Model]) -> dict[str, Any]:
    """All on one page."""
    data = [anthropic_entry(model) for model in models]
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"data": data, "has_more": False, "first_id": first, "last_id": last}


def anthropic_entry(model: Model) -> dict[str, Any]:
    """As Anthropic's clients read it."""
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.name,
        "created_at": (model.created_at or _NO_TIME).isoformat(),
        "lifecycle": "active",
        "max_input_tokens": model.context_window,
    }


def openai_entry(model: Model, caller: Caller) -> dict[str, Any]:
    """As /v1/models shows it: OpenAI's fields, vLLM's for the context window, and what is known of the model."""
    return {
        "id": model.id,
        "object": "model",
        "created": int(model.created_at.timestamp()) if model.created_at else 0,
        "owned_by": caller.tenant_id if model.is_custom else model.provider_name,
        "max_model_len": model.context_window,
        **_facts(model),
    }


def obstacle(model: Model, models: TenantModels, caller: Caller, ring: KeyRing) -> Objection | None:
    objection = standing_objection(model, models.terms, caller.allowed_models)
    if objection is not None:
        return objection
    unreadable = why_unreadable(ring, model)
    return Objection("key_unreadable", f"its stored secret cannot be opened: {unreadable}") if unreadable else None


def _entry(model: Model, why_not: Objection | None, health: ModelHealthChanged | None) -> dict[str, Any]:
    return {
        "id": model.id,
        "kind": "custom" if model.is_custom else "provider",
        "owner": model.tenant_id if model.is_custom else model.provider_name,
        "provider": model.provider_name,
        "server_address": model.server_address,
        "upstream_model": model.upstream_model,
        **_facts(model),
        "weight": model.weight,
        "key": _whose_key(model),
        "health": _health(health),
        "usable": why_not is None,
        "error_type": why_not.error_type if why_not else None,
        "reason": ". ".join((why_not.reason, *why_not.tips[-1:])) if why_not else _warning(health),
    }


def _facts(model: Model) -> dict[str, Any]:
    return {
        "context_window": model.context_window,
        "operations": operations_of(model),
        "capabilities": model.capabilities.model_dump(),
        "price": model.price.model_dump() if model.price else None,
    }


def operations_of(model: Model) -> list[str]:
    """What it is used for unless it is named for something else."""
    return [
        task
        for task in model.likely_tasks
        if any(exchange_of(task, form, model.wire_format) for form in get_args(WireFormat))
    ]


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
