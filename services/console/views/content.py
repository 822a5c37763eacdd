"""What was asked and answered, of a response that is kept."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

Item = Mapping[str, Any]


class Said(NamedTuple):
    """who: a role, or what else it is. text: empty where it holds none, such as an image."""

    who: str
    text: str


def response_id(inference_id: str) -> str | None:
    """Of the response that an inference may be kept as. None for what is no id."""
    try:
        return f"resp_{UUID(inference_id).hex}"
    except ValueError:
        return None


def said(items: Sequence[Item]) -> list[Said]:
    """items: of a response, as OpenAI has them."""
    return [_said(item) for item in items]


def _said(item: Item) -> Said:
    kind = str(item.get("type") or "message")
    if kind == "function_call":
        return Said(f"calls {item.get('name')}", str(item.get("arguments") or ""))
    if kind == "function_call_output":
        return Said("result of a call", _text(item.get("output")))
    if kind == "reasoning":
        return Said("thinks", "\n".join(filter(None, (_text(item.get("summary")), _text(item.get("content"))))))
    return Said(str(item.get("role") or kind), _text(item.get("content")))


def _text(content: Any) -> str:
    """A text, or the texts of its parts; of others their kind."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text") or f"[{part.get('type')}]") for part in parts if isinstance(part, dict))
