import pytest

from deploy.model_server.answer import tool_answer
from deploy.model_server.question import Question, Tool, decode, read_question

TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
USER = {"role": "user", "content": "hi"}


def test_the_last_user_message_is_the_text() -> None:
    messages = [
        {"role": "user", "content": "first"},
        {"role": "user", "content": [{"type": "text", "text": "a b"}, {"type": "image"}, {"text": "c"}]},
        {"role": "assistant", "content": "no"},
    ]
    question = read_question({"model": "demo", "messages": messages, "system": "be kind"})
    assert question == Question("demo", "a b\nc", "be kind\nfirst\na b\nc\nno", input_tokens=7)


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"1", b"\xff", b"[" * 100_000, b"1" * 5_000])
def test_what_is_not_an_object_is_no_body(body: bytes) -> None:
    assert decode(body) is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model": 1, "messages": "hi"},
        {"messages": [1, None, {"role": "user"}, {"role": "user", "content": [1, {"text": 2}]}]},
        {"stream": "yes", "stream_options": 1, "tools": 1, "system": 2},
    ],
)
def test_what_is_misshapen_is_read_as_absent(body: dict[str, object]) -> None:
    assert read_question(body) == Question(model="")


@pytest.mark.parametrize(
    ("fields", "tool"),
    [
        ({"tools": [TOOL]}, Tool("look_up", {"type": "object"})),
        ({"tools": [{"name": "find", "input_schema": {"a": 1}}]}, Tool("find", {"a": 1})),
        ({"tools": []}, None),
        ({"tools": [TOOL], "tool_choice": "none"}, None),
        ({"tools": [TOOL], "tool_choice": {"type": "none"}}, None),
        ({"tools": [TOOL], "messages": [USER, {"role": "tool", "content": "42"}]}, None),
        ({"tools": [TOOL], "messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, None),
    ],
)
def test_the_first_tool_is_callable_until_its_result_is_given(fields: dict[str, object], tool: Tool | None) -> None:
    assert read_question({"model": "demo-tools", "messages": [USER], **fields}).tool == tool


def test_a_tool_is_called_with_what_it_requires() -> None:
    kinds = {"city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["C", "F"]}, "x": {}}
    schema = {"properties": kinds, "required": ["city", "days", "unit"]}
    call = tool_answer(Question("demo-tools", "Bern"), 1, Tool("weather", schema), 1).tool_calls[0]
    assert call.arguments == {"city": "Bern", "days": 1, "unit": "C"}
