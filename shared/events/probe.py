"""What a probe asks (decision 0037). The monitor that publishes it has no key ring to seal its input under: a router
takes a request for a probe because it asks this, word for word, and nothing more."""

from collections.abc import Mapping
from typing import Any

from shared.events.inference import PROBE, InferenceRequested, RoutingOptions
from shared.operations import Operation

OPTIONS = RoutingOptions(no_fallback=True)

_QUESTION = "Reply with one word: ready."
_MAX_TOKENS = 16
QUESTIONS: Mapping[Operation, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": _QUESTION}], "max_tokens": _MAX_TOKENS},
    "embeddings": {"input": _QUESTION},
    "rerank": {"query": _QUESTION, "documents": [_QUESTION]},
}


def is_probe(request: InferenceRequested) -> bool:
    """Whether it is of a custom model, and what a monitor would ask it."""
    return (
        request.api_key_id == PROBE
        and (request.request_model or "").startswith("custom:")
        and (request.form, request.input) == ("openai", QUESTIONS.get(request.operation_name))
        and (request.options, request.passed_headers) == (OPTIONS, ())
        and not (request.is_awaited or request.store_result)
    )
