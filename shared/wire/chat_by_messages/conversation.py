"""Messages of a chat as a conversation that an Anthropic endpoint takes.

Its rules: the first turn is the user's, roles alternate, no text is empty, a final turn of the assistant does not end
in whitespace, and right after the calls of a turn come all their results, before anything else.
"""

from typing import Any

import orjson

from shared.wire.chat_by_messages.answer import is_the_endpoints, is_thought, thought_of
from shared.wire.chat_by_messages.asked import Object, member, objects, text_of
from shared.wire.chat_by_messages.blocks import blocks_of, cached, is_blank, only_text, text_blocks
from shared.wire.chat_by_messages.chat_fields import CHAT
from shared.wire.chat_by_messages.tool_ids import ToolIds, tool_name
from shared.wire.reading.completions import list_or_empty, object_or_empty
from shared.wire.requests import UntranslatableError

BEGINNING = "(The conversation begins.)"  # said by the user where a chat begins with the assistant
# By how OpenAI's first form of tools names a result: by the function, and no id.
_BY_FUNCTION = "function_call\x00"


class Conversation:
    """turns: each with its role and its blocks. system: texts for the endpoint's field of that name.
    called: the names of tools that were called."""

    def __init__(self) -> None:
        self.system: list[list[Object]] = []
        self.turns: list[Object] = []
        self.called: set[str] = set()
        self._ids = ToolIds()
        self._results = 0  # at the beginning of the last turn

    def add(self, message: Object, at: str) -> None:
        role = text_of(message, "role", at)
        CHAT.same("message", message, at)
        match role:
            case "system" | "developer":
                _nameless(message, at)
                self._say_system(message, at)
            case "user":
                self._say("user", self._of_user(message, at))
            case "assistant":
                _nameless(message, at)
                if self.turns and self.turns[-1]["role"] == "user":
                    self._require_results()
                self._say("assistant", self._of_assistant(message, at))
            case "tool" | "function":
                self._bring(self._result(message, at))
            case _:
                raise UntranslatableError(f"{at}.role", "must be system, developer, user, assistant, tool or function")

    def end(self) -> None:
        """Raises UntranslatableError when it is none that can be continued."""
        self._require_results()
        self._trim_last()
        if not self.turns and not self.system:
            raise UntranslatableError("messages", "hold nothing that is not empty")
        if not self.turns or self.turns[0]["role"] != "user":
            self.turns.insert(0, {"role": "user", "content": text_blocks(BEGINNING)})

    def _say_system(self, message: Object, at: str) -> None:
        blocks = cached(only_text(message.get("content"), f"{at}.content"), message.get("cache_control"))
        if blocks:
            self.system.append(blocks)

    def _say(self, role: str, blocks: list[Object]) -> None:
        if not blocks:
            return
        if not self.turns or self.turns[-1]["role"] != role:
            self._results = 0
            self.turns.append({"role": role, "content": []})
        self.turns[-1]["content"] += blocks

    def _bring(self, result: Object) -> None:
        """The results stand before whatever else the user's turn has."""
        if self.turns[-1]["role"] != "user":
            self._say("user", [result])
        else:
            self.turns[-1]["content"].insert(self._results, result)
        self._results += 1

    def _require_results(self) -> None:
        if (at := self._ids.unanswered()) is not None:
            raise UntranslatableError(at, "is a tool call without a result right after it")

    def _of_user(self, message: Object, at: str) -> list[Object]:
        blocks = blocks_of(message.get("content"), f"{at}.content")
        if message.get("name") is not None and blocks:
            blocks = [*text_blocks(f"{text_of(message, 'name', at)}:"), *blocks]
        return cached(blocks, message.get("cache_control"))

    def _of_assistant(self, message: Object, at: str) -> list[Object]:
        said = blocks_of(message.get("content"), f"{at}.content")
        if message.get("refusal") is not None:
            said += text_blocks(text_of(message, "refusal", at))
        called = [self._call(call, where) for call, where in objects(message.get("tool_calls"), f"{at}.tool_calls")]
        if message.get("function_call") is not None:
            called.append(self._function_call(member(message, "function_call", at), f"{at}.function_call"))
        thoughts = _signed(list_or_empty(message.get("thinking_blocks")) or said)
        said = [block for block in said if not is_thought(block)]
        answered = cached([*_server_blocks(message), *said, *called], message.get("cache_control"))
        return [*thoughts, *answered] if answered else []

    def _call(self, call: Object, at: str) -> Object:
        kept = CHAT.same("tool_call", call, at)
        function = member(call, "function", at)
        CHAT.same("called_function", function, f"{at}.function")
        return kept | self._tool_use(text_of(call, "id", at), function, f"{at}.function", at)

    def _function_call(self, function: Object, at: str) -> Object:
        return self._tool_use(f"{_BY_FUNCTION}{text_of(function, 'name', at)}", function, at, at)

    def _tool_use(self, given_id: str, function: Object, at: str, call_at: str) -> Object:
        name = tool_name(text_of(function, "name", at))
        arguments = _arguments(function.get("arguments"), f"{at}.arguments")
        self.called.add(name)
        return {"type": "tool_use", "id": self._ids.call(given_id, call_at), "name": name, "input": arguments}

    def _result(self, message: Object, at: str) -> Object:
        if message["role"] == "function":
            name = "name"
            given = f"{_BY_FUNCTION}{text_of(message, name, at)}"
        else:
            name, given = "tool_call_id", text_of(message, "tool_call_id", at)
        content = message.get("content")
        blocks = "" if is_blank(content) else content
        if not isinstance(content, str):
            blocks = blocks_of(content, f"{at}.content")
        answers = self._ids.result(given)
        if answers is None:
            raise UntranslatableError(f"{at}.{name}", "answers no tool call of the turn before it")
        kept = {field: message[field] for field in ("cache_control", "is_error") if message.get(field) is not None}
        return {"type": "tool_result", "tool_use_id": answers, "content": blocks, **kept}

    def _trim_last(self) -> None:
        """A final turn of the assistant is to be continued, from its last letter."""
        if not self.turns or self.turns[-1]["role"] != "assistant":
            return
        *before, last = self.turns[-1]["content"]
        if last["type"] == "text" and isinstance(last.get("text"), str):
            self.turns[-1]["content"] = [*before, {**last, "text": last["text"].rstrip()}]


def as_sent(turn: Object) -> Object:
    """Plain text is sent as such."""
    content = turn["content"]
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        return {"role": turn["role"], "content": content[0]["text"]}
    return turn


def _nameless(message: Object, at: str) -> None:
    if message.get("name"):
        raise UntranslatableError(f"{at}.name", "has no place at an Anthropic endpoint, except for a user's")


def _server_blocks(message: Object) -> list[Object]:
    """What the chat form has no place for, as an answer of ours told it: what the endpoint's own tools did."""
    told = object_or_empty(message.get("provider_specific_fields")).get("blocks")
    blocks = [object_or_empty(block) for block in list_or_empty(told)]
    # Clients that added up a stream keep the index of each.
    return [{name: block[name] for name in block if name != "index"} for block in blocks if is_the_endpoints(block)]


def _signed(blocks: list[Any]) -> list[Object]:
    """Thoughts that the endpoint can check; others are no part of the conversation."""
    thoughts = [thought_of(block) for block in blocks if is_thought(block)]
    return [thought for thought in thoughts if thought.get("signature") or thought.get("data")]


def _arguments(arguments: Any, at: str) -> Object:
    """A model wrote them, so they may be broken: the conversation goes on with what it wrote."""
    if arguments is None or isinstance(arguments, dict):
        return arguments or {}
    if not isinstance(arguments, str):
        raise UntranslatableError(at, "must be a string that holds a JSON object")
    if not arguments.strip():
        return {}
    try:
        parsed = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"invalid_arguments": arguments}
