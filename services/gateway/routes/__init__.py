"""One file per surface."""

from services.gateway.routes import (
    chat_completions,
    codebase_chat,
    completions,
    features,
    front,
    inferences,
    keys,
    messages,
    models,
    monitoring,
    providers,
    responses,
    setup,
    tenants,
)

_SURFACES = (
    front,
    chat_completions,
    messages,
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
HOT_ROUTES = {chat_completions.PATH: chat_completions.hot, messages.PATH: messages.hot}
