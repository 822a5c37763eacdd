"""What the secrets of models belong to: the contexts that they are sealed with."""

from shared.crypto import SealedContext
from shared.registry.models import Model


def custom_key_context(tenant_id: str, model_name: str) -> SealedContext:
    return SealedContext(tenant_id, "model_api_key", model_name)


def custom_headers_context(tenant_id: str, model_name: str) -> SealedContext:
    return SealedContext(tenant_id, "model_headers", model_name)


def provider_key_context(tenant_id: str, provider: str) -> SealedContext:
    return SealedContext(tenant_id, "provider_api_key", provider)


def api_key_context(model: Model) -> SealedContext:
    tenant_id = model.tenant_id or ""
    if model.is_custom:
        return custom_key_context(tenant_id, model.name)
    return provider_key_context(tenant_id, model.provider_name)


def headers_context(model: Model) -> SealedContext:
    return custom_headers_context(model.tenant_id or "", model.name)
