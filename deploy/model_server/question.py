"""What a caller asks, read from an OpenAI or an Anthropic body alike."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.model_server.vectors import text_in

MAX_CHOICES = 8


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Question:
    """`text` is the last user message, `asked` the text of all messages, the system's first; `tool` the first tool
    that may be called, if any; `choices` how many answers are asked for; `body` the whole request."""

    model: str
    text: str = ""
    asked: str = ""
    input_tokens: int = 0
    stream: bool = False
    include_usage: bool = False
    tool: Tool | None = None
    choices: int = 1
    body: Mapping[str, object] = field(default_factory=dict, compare=False)


def decode(body: bytes) -> dict[str, object] | None:
    """The JSON object in `body`, or None when there is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_question(body: Mapping[str, object]) -> Question:
    """Never fails: what is missing or misshapen is read as absent."""
    messages = [message for message in _list(body.get("messages")) if isinstance(message, dict)]
    contents = [body.get("system"), *(message.get("content") for message in messages)]
    model = body.get("model")
    return Question(
        model=model if isinstance(model, str) else "",
        text=_last_user_text(messages) if messages else text_in(body),
        asked="\n".join(filter(None, map(text_of, contents))),
        input_tokens=sum(map(_words, contents)) if messages else _words(text_in(body)),
        stream=body.get("stream") is True,
        include_usage=_mapping(body.get("stream_options")).get("include_usage") is True,
        tool=None if "tools" not in body else _callable_tool(body, messages),
        choices=n if isinstance(n := body.get("n"), int) and 1 <= n <= MAX_CHOICES else 1,
        body=body,
    )


def text_of(content: object) -> str:
    """The text of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    texts = [_mapping(part).get("text") for part in _list(content)]
    return "\n".join(text for text in texts if isinstance(text, str))


def _words(content: object) -> int:
    return len(text_of(content).split())


def _last_user_text(messages: list[dict[str, object]]) -> str:
    for message in reversed(messages):
        if message.get("role") == "user":
            return text_of(message.get("content"))
    return ""


def _callable_tool(body: Mapping[str, object], messages: list[dict[str, object]]) -> Tool | None:
    """None when the messages hold a tool's result: a caller that runs tools in a loop has to come to an end."""
    choice = body.get("tool_choice")
    if choice == "none" or _mapping(choice).get("type") == "none" or _ends_with_result(messages):
        return None
    for tool in _list(body["tools"]):
        function = _mapping(_mapping(tool).get("function", tool))
        if isinstance(name := function.get("name"), str):
            return Tool(name, _mapping(function.get("parameters") or function.get("input_schema")))
    return None


def _ends_with_result(messages: list[dict[str, object]]) -> bool:
    last = messages[-1] if messages else {}
    parts = _list(last.get("content"))
    return last.get("role") == "tool" or any(_mapping(part).get("type") == "tool_result" for part in parts)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
