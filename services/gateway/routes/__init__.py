"""One file per surface."""

from services.gateway.routes import (
    chat_completions,
    codebase_chat,
    completions,
    embeddings,
    features,
    front,
    inferences,
    keys,
    messages,
    models,
    monitoring,
    providers,
    rerank,
    responses,
    setup,
    tenants,
)

_SURFACES = (
    front,
    chat_completions,
    messages,
    embeddings,
    rerank,
    monitoring,
    models,
    setup,
    providers,
    codebase_chat,
    features,
    inferences,
    responses,
    completions,
    keys,
    tenants,
)
ROUTERS = tuple(module.router for module in _SURFACES)

# Plain ASGI, by path, for POST.
HOT_ROUTES = {surface.PATH: surface.hot for surface in (chat_completions, messages, embeddings)}
