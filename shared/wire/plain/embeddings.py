"""Embeddings in OpenAI's form, which servers of all kinds speak: each input becomes a vector.

What a caller asked for is what it gets: servers that know no base64 answer it with numbers, and some answer numbers
with base64. A vector in the wrong place would be stored for years, so each is held against the input that it is of.
"""

import base64
import binascii
import math
import sys
from array import array
from collections.abc import Mapping, Sequence
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

_BYTES = 4  # of one number: IEEE 754, little-endian
# Of a model's configuration: what belongs to embeddings, by the names of OpenAI, vLLM, Ollama, Jina, Voyage, Mistral,
# Cohere and NVIDIA. All else is for its chats.
_DEFAULTS = frozenset(
    {
        "add_special_tokens", "dimensions", "encoding_format", "input_type", "keep_alive", "late_chunking", "normalize",
        "normalized", "output_dimension", "output_dtype", "prompt_name", "task", "truncate", "truncate_prompt_tokens",
        "truncation", "user",
    }
)  # fmt: skip

Vector = list[Any] | str


class PlainEmbeddings:
    """Of one request, against which its answer is held. body: as the caller sent it."""

    form: WireFormat = "openai"
    path = "/embeddings"

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body

    def request(self, model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
        own = {name: value for name, value in defaults.items() if name in _DEFAULTS}
        return written(with_defaults(model, own, body))

    def completion(self, answer: bytes) -> Completion:
        """Raises NotACompletionError too where vectors are missing, or are more than the inputs."""
        parsed, answer = parsed_with_body(answer)
        body = {"data": parsed} if isinstance(parsed, list) else object_or_empty(parsed)
        told = _entries(body)
        entries = _in_order(told, inputs_of(self._body))
        wanted = [entry if isinstance(entry["embedding"], str) == self._in_base64 else self._other(entry)
                  for entry in entries]  # fmt: skip
        read = CompletionRead(response_model=text_or_none(body.get("model")), usage=input_usage(body))
        if _is_whole(body) and wanted == told:
            return Completion(answer, read)
        return Completion(written_answer(_formed(body, wanted, read)), read)

    def stream(self) -> StreamReader:
        raise NotACompletionError("embeddings are not streamed")

    @property
    def _in_base64(self) -> bool:
        return self._body.get("encoding_format") == "base64"

    def _other(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        vector: Vector = entry["embedding"]
        return {**entry, "embedding": numbers(vector) if isinstance(vector, str) else in_base64(vector)}


def inputs_of(body: Mapping[str, Any]) -> int:
    """How many vectors are asked for: of a text, texts, the tokens of one, or the tokens of several."""
    given = body.get("input")
    if not isinstance(given, list):
        return 1
    return 1 if given and all(type(item) is int for item in given) else len(given)


def in_base64(vector: Sequence[Any]) -> str:
    """Raises NotACompletionError."""
    floats = _floats(vector)
    if not _all_finite(floats):
        raise NotACompletionError("an embedding holds numbers that four bytes cannot say")
    return base64.b64encode(_little_endian(floats).tobytes()).decode()


def numbers(text: str) -> list[float]:
    """Raises NotACompletionError."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NotACompletionError("an embedding is not base64") from None
    if not data or len(data) % _BYTES:
        raise NotACompletionError(f"an embedding has {len(data)} bytes, which are no numbers of {_BYTES} bytes each")
    floats = array("f")
    floats.frombytes(data)
    found = _little_endian(floats).tolist()
    if not _all_finite(floats):
        raise NotACompletionError("an embedding holds numbers that are not finite")
    # Nine digits say a number of four bytes; as one of eight it would be told in seventeen.
    return [float(f"{number:.9g}") for number in found]


def _floats(vector: Sequence[Any]) -> "array[float]":
    try:
        return array("f", vector)
    except (TypeError, OverflowError):
        raise NotACompletionError("an embedding holds what is no number") from None


def _all_finite(floats: "array[float]") -> bool:
    """No sum of finite numbers of four bytes is beyond those of eight."""
    return math.isfinite(sum(floats))


def _little_endian(floats: "array[float]") -> "array[float]":
    if sys.byteorder == "big":
        floats.byteswap()
    return floats


def _entries(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Also as Ollama's and Cohere's own interfaces name them: bare vectors. Raises NotACompletionError."""
    data = body.get("data", body.get("embeddings"))
    if isinstance(data, dict):  # Cohere: by type
        data = data.get("float")
    if not isinstance(data, list) or not data:
        raise NotACompletionError("the JSON has no embeddings")
    entries = [entry if isinstance(entry, dict) else {"embedding": entry} for entry in data]
    for entry in entries:
        _check(entry.get("embedding"))
    return entries


def _check(vector: Any) -> None:
    if isinstance(vector, str) and vector:
        return
    if not isinstance(vector, list) or not vector:
        raise NotACompletionError("an entry of the data holds no embedding")
    if isinstance(vector[0], list):  # llama.cpp, of a model that has no pooling of its own
        raise NotACompletionError(
            "an embedding holds a vector for each token: start the server with a pooling (llama.cpp: --pooling mean)"
        )
    _floats(vector)


def _in_order(entries: list[dict[str, Any]], inputs: int) -> list[dict[str, Any]]:
    """One for each input, at its place. Raises NotACompletionError."""
    if len(entries) != inputs:
        raise NotACompletionError(f"it holds {len(entries)} embeddings for {inputs} inputs")
    placed = [entry.get("index", place) for place, entry in enumerate(entries)]
    if not all(type(place) is int for place in placed) or sorted(placed) != list(range(inputs)):
        raise NotACompletionError("the places of its embeddings are not those of the inputs")
    return (
        entries
        if placed == sorted(placed)
        else [entry for _, entry in sorted(zip(placed, entries, strict=True), key=lambda each: each[0])]
    )


def _is_whole(body: Mapping[str, Any]) -> bool:
    """Whether it has what SDKs read, as it came."""
    entries = list_or_empty(body.get("data"))
    named = all(isinstance(entry, dict) and "index" in entry and "object" in entry for entry in entries)
    return named and isinstance(body.get("model"), str) and isinstance(body.get("usage"), dict)


def _formed(body: Mapping[str, Any], entries: list[dict[str, Any]], read: CompletionRead) -> dict[str, Any]:
    """With all that SDKs read, and whatever else came. OpenAI's form cannot say that a count is unknown."""
    rest = {name: value for name, value in body.items() if name not in ("data", "embeddings")}
    told: dict[str, Any] = {"object": "list", "model": "", **rest}
    told["data"] = [{"object": "embedding", **entry, "index": place} for place, entry in enumerate(entries)]
    if not isinstance(told.get("usage"), dict):
        tokens = read.usage.input_tokens or 0
        told["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return told
