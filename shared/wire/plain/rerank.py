"""Reranking: how well each of some documents answers a query.

OpenAI has no form for it. What Jina began and Cohere, vLLM, llama.cpp and others speak has `results` with `index` and
`relevance_score`; what differs in it (Voyage's `data`, TEI's bare list, `score`) is put into that form.
"""

import math
from collections.abc import Mapping
from typing import Any

from shared.operations import WireFormat
from shared.wire.plain.input_usage import input_usage
from shared.wire.reading.completions import (
    Completion,
    CompletionRead,
    NotACompletionError,
    list_or_empty,
    object_or_empty,
    parsed_with_body,
    text_or_none,
    written_answer,
)
from shared.wire.reading.streams import StreamReader
from shared.wire.requests import with_defaults, written

# Of a model's configuration: what belongs to reranking, by the names of Jina, Cohere, Voyage, vLLM, TEI and NVIDIA.
_DEFAULTS = frozenset(
    {
        "max_chunks_per_doc", "max_query_tokens", "max_tokens_per_doc", "priority", "rank_fields", "raw_scores",
        "return_documents", "return_text", "top_k", "top_n", "truncate", "truncate_prompt_tokens",
        "truncation", "truncation_direction",
    }
)  # fmt: skip
_SCORES = ("relevance_score", "score")
_LISTS = ("results", "data", "rankings")


class PlainRerank:
    """Of one request, against which its answer is held. body: as the caller sent it."""

    form: WireFormat = "openai"
    path = "/rerank"

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body

    def request(self, model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
        own = {name: value for name, value in defaults.items() if name in _DEFAULTS}
        return written(with_defaults(model, own, body))

    def completion(self, answer: bytes) -> Completion:
        """The best first, no more than `top_n`. Raises NotACompletionError too for a document that was not sent."""
        parsed, answer = parsed_with_body(answer)
        body = {"results": parsed} if isinstance(parsed, list) else object_or_empty(parsed)
        told = _results(body)
        results = sorted(map(_formed, told), key=lambda result: -result["relevance_score"])
        _check_places(results, documents_of(self._body))
        top = self._body.get("top_n")
        wanted = results[:top] if type(top) is int and top > 0 else results
        read = CompletionRead(response_model=text_or_none(body.get("model")), usage=input_usage(body))
        if body is parsed and body.get("results") == wanted:
            return Completion(answer, read)
        rest = {name: value for name, value in body.items() if name not in _LISTS}
        return Completion(written_answer({**rest, "results": wanted}), read)

    def stream(self) -> StreamReader:
        raise NotACompletionError("rankings are not streamed")


def documents_of(body: Mapping[str, Any]) -> int:
    return len(list_or_empty(body.get("documents")))


def _results(body: Mapping[str, Any]) -> list[Any]:
    for name in _LISTS:
        if isinstance(found := body.get(name), list):
            return found
    raise NotACompletionError("the JSON has no results")


def _formed(result: Any) -> dict[str, Any]:
    """The result with its place and its score by the names that clients read. Raises NotACompletionError."""
    if not isinstance(result, dict) or type(result.get("index")) is not int:
        raise NotACompletionError("a result has no index")
    score = next((result[name] for name in _SCORES if name in result), None)
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise NotACompletionError("a result has no relevance_score")
    if "relevance_score" in result:
        return result
    text = {"document": {"text": result["text"]}} if isinstance(result.get("text"), str) else {}
    rest = {name: value for name, value in result.items() if name not in ("score", "text")}
    return {**rest, "relevance_score": score, **text}


def _check_places(results: list[dict[str, Any]], documents: int) -> None:
    """Raises NotACompletionError."""
    places = {result["index"] for result in results}
    if not places or len(places) < len(results) or not 0 <= min(places) <= max(places) < documents:
        raise NotACompletionError(f"the places of its results are not those of the {documents} documents")
