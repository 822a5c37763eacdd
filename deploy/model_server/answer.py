"""What this server answers, before it is written in a wire format."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.model_server.question import Question, Tool

_VALUES: dict[object, object] = {
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "array": [],
    "object": {},
    "null": None,
}


_ARGUMENTS_PIECE = 5  # characters
_MOST_CHUNKS = 10_000  # of the text of one answer


@dataclass(frozen=True, slots=True)
class ToolCall:
    id: str
    name: str
    arguments: Mapping[str, object]

    @property
    def arguments_json(self) -> str:
        return json.dumps(self.arguments)

    @property
    def pieces(self) -> list[str]:
        """The arguments as they are streamed, cut wherever it comes."""
        text = self.arguments_json
        return [text[start : start + _ARGUMENTS_PIECE] for start in range(0, len(text), _ARGUMENTS_PIECE)]


@dataclass(frozen=True, slots=True)
class Answer:
    """`seq` is the ledger's number of the request, from which the answer's ids are made. `choices`: how often the
    OpenAI wire gives it. `body`: the request's."""

    seq: int
    model: str
    text: str
    input_tokens: int
    output_tokens: int
    created: int
    include_usage: bool = False
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    truncated: bool = False
    choices: int = 1
    body: Mapping[str, object] = field(default_factory=dict)

    @property
    def pieces(self) -> list[str]:
        return words(self.text)


def words(text: str) -> list[str]:
    """A text word by word, as it is streamed; of a long one several at a time, so that it is told within seconds."""
    found = re.findall(r"\S+\s*|\s+", text)
    at_a_time = -(-len(found) // _MOST_CHUNKS)
    return found if at_a_time <= 1 else ["".join(found[at : at + at_a_time]) for at in range(0, len(found), at_a_time)]


def answer_text(question: Question, seq: int, text: str, *, truncated: bool = False, reasoning: str = "") -> Answer:
    return Answer(
        seq=seq,
        model=question.model,
        text=text,
        input_tokens=question.input_tokens,
        output_tokens=len(text.split()) + len(reasoning.split()),
        created=int(time.time()),
        include_usage=question.include_usage,
        reasoning=reasoning,
        truncated=truncated,
        choices=question.choices,
        body=question.body,
    )


def echo(question: Question, seq: int) -> Answer:
    return answer_text(question, seq, "echo: " + question.text)


def many_words(question: Question, seq: int, count: int) -> Answer:
    return answer_text(question, seq, " ".join(f"word{number}" for number in range(1, count + 1)))


def tool_answer(question: Question, seq: int, tool: Tool, count: int) -> Answer:
    """Calls the same tool so many times."""
    arguments = _arguments(tool.schema, question.text)
    calls = tuple(ToolCall(f"call_{seq:012d}_{number}", tool.name, arguments) for number in range(count))
    return Answer(
        seq=seq,
        model=question.model,
        text="",
        input_tokens=question.input_tokens,
        output_tokens=sum(len(call.arguments_json.split()) for call in calls),
        created=int(time.time()),
        include_usage=question.include_usage,
        tool_calls=calls,
    )


def _arguments(schema: Mapping[str, object], text: str) -> dict[str, object]:
    """A value of the right type for each required property; strings are the last user message."""
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return {}
    return {name: _value(properties.get(name), text) for name in required if isinstance(name, str)}


def _value(schema: object, text: str) -> object:
    if not isinstance(schema, dict):
        return text
    if isinstance(options := schema.get("enum"), list) and options:
        return options[0]
    kind = schema.get("type")
    return _VALUES.get(kind, text) if isinstance(kind, str) else text
