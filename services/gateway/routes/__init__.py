"""One file per surface."""

from services.gateway.routes import (
    batches,
    callers,
    chat_completions,
    codebase_chat,
    completions,
    dead_letters,
    embeddings,
    features,
    files,
    front,
    inferences,
    instances,
    keys,
    lists,
    messages,
    model_health,
    models,
    monitoring,
    providers,
    reply_keys,
    rerank,
    responses,
    sessions,
    setup,
    shadow,
    tenants,
    webhooks,
)
from services.gateway.routes.hot import hot_routes

_SURFACES = (
    front,
    chat_completions,
    messages,
    embeddings,
    rerank,
    model_health,
    monitoring,
    instances,
    dead_letters,
    models,
    setup,
    shadow,
    providers,
    codebase_chat,
    features,
    inferences,
    lists,
    responses,
    completions,
    batches,
    keys,
    callers,
    tenants,
    sessions,
    webhooks,
    files,
    reply_keys,
)
ROUTERS = tuple(module.router for module in _SURFACES)

# Plain ASGI, by path, for POST: where inferences come in.
HOT_ROUTES = hot_routes(
    *(surface.router for surface in (chat_completions, messages, responses, completions, embeddings, rerank))
)
