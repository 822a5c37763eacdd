"""Providers: which there are, and the tenant's own key of one, used instead of the deployment's."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from services.gateway.answers.models import Providers
from services.gateway.edge import json_response
from services.gateway.gateway import Gateway, gateway_of
from services.gateway.routes.documented import documented
from services.gateway.tenants.changes import changed_by
from services.gateway.tenants.schemas import ProviderKey
from shared.crypto import seal
from shared.errors import TallygateError
from shared.registry.secrets import provider_key_context

router = APIRouter(tags=["providers"])


@router.get("/api/providers")
@documented(gives=Providers)
async def list_providers(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    own = {row["provider"]: row for row in await gateway.tenants.provider_keys(caller.tenant_id)}
    providers = [
        {
            "name": provider.name,
            "base_url": provider.base_url,
            "models": [f"{provider.name}:{model}" for model in provider.models],
            "key": "own" if provider.name in own else "deployment" if provider.api_key else "none",
            "key_required": provider.key_required,
            "key_updated_at": own[provider.name]["updated_at"].isoformat() if provider.name in own else None,
        }
        for provider in gateway.settings.provider.providers
    ]
    return json_response({"providers": providers, "total": len(providers)})


@router.put("/api/providers/{name}/key")
@documented(takes=ProviderKey, fails=(404, 409))
async def set_provider_key(request: Request, name: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    body = await gateway.body(request, caller, ProviderKey)
    _must_exist(gateway, name)
    sealed = seal(gateway.ring, provider_key_context(caller.tenant_id, name), body.api_key.encode())
    change = changed_by(caller, "provider_key.set", name)
    await gateway.tenants.put_provider_key(caller.tenant_id, name, sealed, change, datetime.now(UTC))
    await gateway.registry.refresh(caller.tenant_id)
    return Response(status_code=204)


@router.delete("/api/providers/{name}/key")
@documented(fails=(404,))
async def remove_provider_key(request: Request, name: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    change = changed_by(caller, "provider_key.removed", name)
    if not await gateway.tenants.remove_provider_key(caller.tenant_id, name, change):
        raise TallygateError(
            "invalid_request",
            f"your tenant has no key of {name!r}",
            http_status=404,
            tips=("See: tallygate providers list",),
        )
    await gateway.registry.refresh(caller.tenant_id)
    return Response(status_code=204)


def _must_exist(gateway: Gateway, name: str) -> None:
    known = [provider.name for provider in gateway.settings.provider.providers]
    if name not in known:
        raise TallygateError(
            "invalid_request",
            f"there is no provider {name!r} here",
            http_status=404,
            tips=(f"There are: {', '.join(known) or 'none'}.", "Operators add one in TALLYGATE_PROVIDERS."),
        )
