"""What this server answers for embeddings and rankings, in the forms in which servers of several kinds write it."""

import base64
import hashlib
import math
import struct
from collections.abc import Mapping, Sequence

DIMENSIONS = 16
_MOST_DIMENSIONS = 4096


def inputs_of(body: Mapping[str, object]) -> list[object]:
    """Texts, or the tokens of one each."""
    given = body.get("input")
    if not isinstance(given, list):
        return [] if given in (None, "") else [given]
    return [given] if given and all(type(item) is int for item in given) else given


def documents_of(body: Mapping[str, object]) -> list[str]:
    documents = body.get("documents", body.get("texts"))
    return [_text(document) for document in documents] if isinstance(documents, list) else []


def text_in(body: Mapping[str, object]) -> str:
    """All that is to be read."""
    query = body.get("query")
    return "\n".join((*map(_text, inputs_of(body)), *([] if query is None else [_text(query)]), *documents_of(body)))


def vector(text: str, dimensions: int) -> list[float]:
    """Of length 1, and the same for the same text; its numbers are of four bytes, as models make them."""
    digest = hashlib.shake_128(text.encode(errors="replace")).digest(dimensions * 2)
    raw = [value / 32768 for value in struct.unpack(f"<{dimensions}h", digest)]
    length = math.sqrt(sum(value * value for value in raw)) or 1.0
    return list(struct.unpack(f"<{dimensions}f", struct.pack(f"<{dimensions}f", *(value / length for value in raw))))


def in_base64(numbers: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def embeddings(body: Mapping[str, object], *, encoded: bool | None = None) -> list[dict[str, object]]:
    """The `data` of OpenAI's form. encoded: in base64 or not, whatever was asked for."""
    asked = body.get("dimensions")
    dimensions = asked if isinstance(asked, int) and 0 < asked <= _MOST_DIMENSIONS else DIMENSIONS
    as_text = body.get("encoding_format") == "base64" if encoded is None else encoded
    found = [vector(_text(given), dimensions) for given in inputs_of(body)]
    return [
        {"object": "embedding", "index": index, "embedding": in_base64(numbers) if as_text else numbers}
        for index, numbers in enumerate(found)
    ]


def ranking(body: Mapping[str, object]) -> list[dict[str, object]]:
    """The `results` of Jina's form: the more words of the query a document holds, the better."""
    documents, query = documents_of(body), set(_text(body.get("query")).lower().split())
    scored = [
        (len(query & set(text.lower().split())) / (len(query) or 1), index) for index, text in enumerate(documents)
    ]
    scored.sort(key=lambda each: (-each[0], each[1]))
    top = body.get("top_n")
    kept = scored[:top] if isinstance(top, int) else scored
    whole = body.get("return_documents") is True
    return [
        {"index": index, "relevance_score": score, **({"document": {"text": documents[index]}} if whole else {})}
        for score, index in kept
    ]


def _text(given: object) -> str:
    if isinstance(given, dict):
        return str(given.get("text", ""))
    return " ".join(map(str, given)) if isinstance(given, list) else str(given)
