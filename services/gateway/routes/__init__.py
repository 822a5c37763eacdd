"""One file per surface."""

from services.gateway.routes import chat_completions, codebase_chat, inferences, keys, models, monitoring

ROUTERS = tuple(module.router for module in (chat_completions, monitoring, models, codebase_chat, inferences, keys))
