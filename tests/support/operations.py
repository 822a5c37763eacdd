"""One request of each operation that can be asked without waiting for it, and what of an answer says what it is."""

from typing import Any, Final

# Each asks another question, so that no answer can stand for that to another.
REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "chat": {"messages": [{"role": "user", "content": "a chat"}]},
    "messages": {"messages": [{"role": "user", "content": "a message"}], "max_tokens": 50},
    "completions": {"prompt": "a text", "max_tokens": 50},
    "responses": {"input": "a response"},
    "embeddings": {"input": ["hi", "ho"]},
    "rerank": {"query": "hi", "documents": ["hi", "ho", "ha"]},
}
STREAMED: Final = ("chat", "messages", "completions", "responses")  # these are told chunk by chunk where that is asked
_SAYING = ("choices", "content", "output", "data", "results")


def path_of(operation: str) -> str:
    return {"chat": "/v1/chat/completions"}.get(operation, f"/v1/{operation}")


def said(answer: dict[str, Any]) -> dict[str, Any]:
    """Its fields, and of those that answer the question what they hold, without ids."""
    return {name: _without_ids(answer[name]) if name in _SAYING else ... for name in answer}


def _without_ids(told: Any) -> Any:
    if isinstance(told, list):
        return [_without_ids(one) for one in told]
    if isinstance(told, dict):
        return {name: _without_ids(value) for name, value in told.items() if name != "id" and value is not None}
    return told
