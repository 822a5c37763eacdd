"""Pure: a response that is asked for, as an OpenAI chat body. What no chat can be asked for is refused by its name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from services.gateway.bodies import InvalidBodyError
from services.gateway.responses.schemas import Format, ResponseBody
from shared.wire.reading.completions import list_or_empty

_Object = dict[str, Any]
# Opens what a reasoning item holds in its `encrypted_content`: thinking blocks, as a chat takes them back.
OpenThoughts = Callable[[str], list[Any]]

_SAME_NAME = (
    "parallel_tool_calls", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier",
    "temperature", "top_logprobs", "top_p", "user", "deadline_s", "policy", "no_fallback",
)  # fmt: skip
_LOGPROBS, THOUGHTS = "message.output_text.logprobs", "reasoning.encrypted_content"
KEPT_THOUGHTS = "thinking_blocks"  # of a reasoning item that is kept here
_OF_FUNCTION = ("name", "description", "parameters", "strict")
_ROLES = frozenset({"user", "assistant", "system", "developer"})
_ANSWERED_ELSEWHERE = "is done by OpenAI's own servers, and by no model that is asked here"


def chat_body(asked: ResponseBody, earlier: Sequence[_Object], open_thoughts: OpenThoughts) -> _Object:
    """earlier: the items of the responses before it. Raises InvalidBodyError."""
    for name in asked.include or ():
        if name not in (_LOGPROBS, THOUGHTS):
            raise InvalidBodyError(f"include: {name} {_ANSWERED_ELSEWHERE}", "include")
    _refuse_rest(asked.stream_options or {}, set(), "stream_options")
    body: _Object = {"messages": _messages(asked, earlier, open_thoughts)}
    body |= {name: value for name in _SAME_NAME if (value := getattr(asked, name)) is not None}
    if asked.model is not None:
        body["model"] = asked.model
    if asked.max_output_tokens is not None:
        body["max_completion_tokens"] = asked.max_output_tokens
    if asked.reasoning is not None and asked.reasoning.effort is not None:
        body["reasoning_effort"] = asked.reasoning.effort
    if asked.top_logprobs is not None or _LOGPROBS in (asked.include or ()):
        body["logprobs"] = True
    if asked.stream:
        body["stream"] = True
    return body | _text_options(asked) | _tools(asked)


def _text_options(asked: ResponseBody) -> _Object:
    text = asked.text
    if text is None:
        return {}
    verbosity = {} if text.verbosity is None else {"verbosity": text.verbosity}
    if text.format is None or text.format.type == "text":
        return verbosity
    return verbosity | {"response_format": _response_format(text.format)}


def _response_format(form: Format) -> _Object:
    if form.type == "json_object":
        return {"type": "json_object"}
    if form.name is None or form.schema_ is None:
        raise InvalidBodyError("text.format: json_schema needs a name and a schema", "text.format")
    schema: _Object = {"name": form.name, "schema": form.schema_}
    optional = {"description": form.description, "strict": form.strict}
    return {"type": "json_schema", "json_schema": schema | {k: v for k, v in optional.items() if v is not None}}


def _tools(asked: ResponseBody) -> _Object:
    tools = [_tool(tool, f"tools[{n}]") for n, tool in enumerate(asked.tools or ())]
    choice = {} if asked.tool_choice is None else {"tool_choice": _tool_choice(asked.tool_choice)}
    return ({"tools": tools} if tools else {}) | (choice if tools else {})


def _tool(tool: _Object, at: str) -> _Object:
    if tool.get("type") != "function":
        raise InvalidBodyError(f"{at}.type: {tool.get('type')!s:.60} {_ANSWERED_ELSEWHERE}", f"{at}.type")
    _refuse_rest(tool, {"type", *_OF_FUNCTION}, at)
    function = _if_given(tool, _OF_FUNCTION)
    _text(tool, "name", at)
    return {"type": "function", "function": function}


def _tool_choice(choice: str | _Object) -> str | _Object:
    if isinstance(choice, str):
        if choice not in ("auto", "none", "required"):
            raise InvalidBodyError("tool_choice must be auto, none, required or a function", "tool_choice")
        return choice
    if choice.get("type") != "function":
        detail = f"tool_choice.type: {choice.get('type')!s:.60} {_ANSWERED_ELSEWHERE}"
        raise InvalidBodyError(detail, "tool_choice.type")
    return {"type": "function", "function": {"name": _text(choice, "name", "tool_choice")}}


def _messages(asked: ResponseBody, earlier: Sequence[_Object], open_thoughts: OpenThoughts) -> list[_Object]:
    messages = _Messages(open_thoughts)
    if asked.instructions:
        messages.said("system", asked.instructions)
    for n, item in enumerate(earlier):
        messages.add(item, f"previous_response_id: item {n}")
    if isinstance(asked.input, str):
        messages.said("user", asked.input)
    else:
        for n, item in enumerate(asked.input or ()):
            messages.add(item, f"input[{n}]")
    if not messages.all:
        raise InvalidBodyError("input: something must be asked", "input")
    return messages.all


class _Messages:
    """The messages of a chat, which items add to. One assistant message holds the thoughts, the text and the calls of a
    turn, which are items of their own."""

    def __init__(self, open_thoughts: OpenThoughts) -> None:
        self._open_thoughts = open_thoughts
        self.all: list[_Object] = []

    def said(self, role: str, content: Any) -> None:
        self.all.append({"role": role, "content": content})

    def add(self, item: _Object, at: str) -> None:
        """Raises InvalidBodyError."""
        match item.get("type", "message"):
            case "message":
                self._message(item, at)
            case "function_call":
                function = {"name": _text(item, "name", at), "arguments": _text(item, "arguments", at)}
                call = {"id": _text(item, "call_id", at), "type": "function", "function": function}
                self._turn().setdefault("tool_calls", []).append(call)
            case "function_call_output":
                output = item.get("output")
                content = output if isinstance(output, str) else _parts(output, f"{at}.output")
                self.all.append({"role": "tool", "tool_call_id": _text(item, "call_id", at), "content": content})
            case "reasoning":
                self._thoughts(item)
            case other:
                raise InvalidBodyError(f"{at}.type: {other!s:.60} {_ANSWERED_ELSEWHERE}", f"{at}.type")

    def _thoughts(self, item: _Object) -> None:
        """Without blocks they are words only, which no endpoint takes back."""
        blocks = list_or_empty(item.get(KEPT_THOUGHTS))
        if isinstance(sealed := item.get("encrypted_content"), str):
            blocks = self._open_thoughts(sealed)
        if blocks:
            self._turn().setdefault("thinking_blocks", []).extend(blocks)

    def _message(self, item: _Object, at: str) -> None:
        role = _text(item, "role", at)
        if role not in _ROLES:
            raise InvalidBodyError(f"{at}.role must be user, assistant, system or developer", f"{at}.role")
        content = item.get("content")
        said = content if isinstance(content, str) else _parts(content, f"{at}.content")
        if role == "assistant" and self._turn()["content"] is None:
            self._turn()["content"] = said
        else:
            self.said(role, said)

    def _turn(self) -> _Object:
        """The assistant's newest message, to which thoughts, text and calls are added."""
        if not self.all or self.all[-1]["role"] != "assistant":
            self.said("assistant", None)
        return self.all[-1]


def _parts(content: Any, at: str) -> str | list[_Object]:
    """Texts only: as one text where there is one, which every endpoint reads."""
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise InvalidBodyError(f"{at} must be a text or a list of parts", at)
    parts = [_part(part, f"{at}[{n}]") for n, part in enumerate(content)]
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _part(part: _Object, at: str) -> _Object:
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            return {"type": "text", "text": _text(part, "text", at)}
        case "refusal":
            return {"type": "refusal", "refusal": _text(part, "refusal", at)}
        case "input_image":
            image = {"url": _text(part, "image_url", at)}
            return {"type": "image_url", "image_url": image | _if_given(part, ("detail",))}
        case "input_file":
            file = _if_given(part, ("filename",)) | {"file_data": _text(part, "file_data", at)}
            return {"type": "file", "file": file}
        case "input_audio":
            return {"type": "input_audio", "input_audio": part.get("input_audio")}
        case other:
            raise InvalidBodyError(f"{at}.type: {other!s:.60} is no part that a chat has", f"{at}.type")


def _if_given(part: Mapping[str, Any], names: Iterable[str]) -> _Object:
    return {name: part[name] for name in names if part.get(name) is not None}


def _refuse_rest(given: Mapping[str, Any], known: set[str], at: str) -> None:
    for name, value in given.items():
        if name not in known and value not in (None, False, [], {}):
            raise InvalidBodyError(f"{at}.{name:.60} {_ANSWERED_ELSEWHERE}", f"{at}.{name:.60}")


def _text(holder: Mapping[str, Any], name: str, at: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str):
        raise InvalidBodyError(f"{at}.{name} must be a text", f"{at}.{name}")
    return value
