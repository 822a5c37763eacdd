"""Pure: the models that an endpoint lists (GET <base>/models), in the forms that servers use."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from shared.wire import WireFormat

_MAX_NAME_CHARS = 256
_MOST_TOKENS = 2**31 - 1
# Most specific first: what is served before what the model was trained for.
_CONTEXT_FIELDS = ("max_model_len", "loaded_context_length", "context_length", "context_window", "max_context_length")
_LLAMA_CPP_FIELDS = ("n_ctx", "n_ctx_train")


class ListedModel(NamedTuple):
    """context_window: None where the endpoint does not tell."""

    name: str
    context_window: int | None = None


class Listing(NamedTuple):
    """wire_format: None when the form of the listing fits both."""

    models: tuple[ListedModel, ...]
    wire_format: WireFormat | None = None

    def find(self, name: str) -> ListedModel | None:
        """The model of that name, also as Ollama (`:latest` added) and Google (`models/` before it) list it."""
        names = (name, f"{name}:latest", f"models/{name}")
        return next((model for model in self.models if model.name in names), None)


def read_listing(body: bytes) -> Listing | None:
    """OpenAI's and Anthropic's form, and Together's bare list; None when it is no listing."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    entries = parsed.get("data", parsed.get("models")) if isinstance(parsed, dict) else parsed
    if not isinstance(entries, list):
        return None
    models = tuple(model for entry in entries if (model := _listed_model(entry)) is not None)
    return Listing(models, _form(parsed, entries)) if models or not entries else None


def _listed_model(entry: object) -> ListedModel | None:
    if not isinstance(entry, dict):
        return None
    name = entry.get("id") or entry.get("name")
    if not isinstance(name, str) or not name.isprintable() or len(name) > _MAX_NAME_CHARS:
        return None
    return ListedModel(name, _context_window(entry))


def _context_window(entry: Mapping[str, Any]) -> int | None:
    """vLLM, LM Studio, OpenRouter and Together, Groq, Mistral; llama.cpp tells it below `meta`."""
    meta = entry.get("meta")
    values = [entry.get(field) for field in _CONTEXT_FIELDS]
    values += [meta.get(field) for field in _LLAMA_CPP_FIELDS] if isinstance(meta, dict) else []
    return next((value for value in values if type(value) is int and 0 < value <= _MOST_TOKENS), None)


def _form(parsed: object, entries: Sequence[object]) -> WireFormat | None:
    if not isinstance(parsed, dict) or parsed.get("object") == "list":
        return "openai"
    if "has_more" in parsed and ("first_id" in parsed or _all_of_anthropic(entries)):
        return "anthropic"
    return None


def _all_of_anthropic(entries: Sequence[object]) -> bool:
    return all(isinstance(entry, dict) and entry.get("type") == "model" for entry in entries)
