"""What answers without a text of their own, embeddings and rankings, say that they took: input, and nothing else."""

from collections.abc import Mapping
from typing import Any

from shared.wire.reading.completions import Usage, object_or_empty, usage_of

_INPUT = ("prompt_tokens", "input_tokens", "total_tokens", "prompt_eval_count")


def input_usage(body: Mapping[str, Any]) -> Usage:
    """Of OpenAI's form and its like, Jina's and Voyage's (which tell a total), Ollama's and Cohere's own.

    No input is none, so a count of 0 is one that the server does not keep.
    """
    meta = object_or_empty(body.get("meta"))
    places = (object_or_empty(body.get("usage")), object_or_empty(meta.get("tokens")), _billed(meta), body)
    counts = (usage_of(place.get(name), None, 0, 0).input_tokens for place in places for name in _INPUT)
    return Usage(input_tokens=next(filter(None, counts), None))


def _billed(meta: Mapping[str, Any]) -> dict[str, Any]:
    return object_or_empty(meta.get("billed_units"))
