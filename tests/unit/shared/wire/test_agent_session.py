"""What an endpoint is asked when a coding agent asks: natively all of it, translated all but what the table says."""

import hashlib
from collections.abc import Iterator
from typing import Any

import orjson

from shared.wire.messages.exchanges import MessagesByChat, PlainMessages
from shared.wire.messages.message_fields import MESSAGES_TO_CHAT
from shared.wire.messages.words import SIGNATURE
from tests.support.agent_session import CALLS, LATER_CALL, PICTURE, TOOLS, USER_ID, agent_body

BODY = agent_body("custom:claude")
_Object = dict[str, Any]


def translated(body: _Object) -> _Object:
    asked: _Object = orjson.loads(MessagesByChat().request("up-1", {}, body))
    return asked


def test_natively_it_is_asked_byte_for_byte_but_for_the_models_name() -> None:
    """The cache of the endpoint knows a conversation by its bytes."""
    sent = orjson.dumps(BODY | {"deadline_s": 60})
    assert PlainMessages().request("claude-9", {}, orjson.loads(sent)) == orjson.dumps(BODY | {"model": "claude-9"})


def test_translated_its_turns_are_those_of_a_chat() -> None:
    def call(call_id: str, tool: int, arguments: str) -> _Object:
        return {
            "id": call_id, "type": "function",
            "function": {"name": f"mcp__files__Tool_{tool}", "arguments": arguments},
        }  # fmt: skip

    assert translated(BODY)["messages"] == [
        {
            "role": "system",
            "content": "You are an agent that writes code.\n\nRules — for paths such as C:\\src\n\tand \u2028 text.\n\n"
            "The project's own instructions.",
        },
        {"role": "user", "content": "<system-reminder>\nof the agent\n</system-reminder>\n\nwhy does it fail?"},
        {
            "role": "assistant",
            "content": "I read them.",
            "tool_calls": [
                call(CALLS[0], 0, '{"file_path":"/src/0.py","limit":1,"all":false}'),
                call(CALLS[1], 1, '{"file_path":"/src/1.py","limit":10,"all":false}'),
                call(CALLS[2], 2, '{"file_path":"/src/2.py","limit":100,"all":false}'),
            ],
        },
        {"role": "tool", "tool_call_id": CALLS[0], "content": "1\tdef f(): ..."},
        {
            "role": "tool",
            "tool_call_id": CALLS[1],
            "content": "a screenshot\n\n(Its images and documents are in the next message.)",
        },
        {"role": "tool", "tool_call_id": CALLS[2], "content": "Error: no such file"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": f"Of the result of the tool call {CALLS[1]}:"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
                {"type": "text", "text": "<system-reminder>\nof the results\n</system-reminder>"},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [call(LATER_CALL, 7, "{}")]},
        {"role": "tool", "tool_call_id": LATER_CALL, "content": "nothing found"},
    ]


def test_translated_its_tools_and_settings_are_those_of_a_chat() -> None:
    told = translated(BODY)
    assert [tool["function"] for tool in told.pop("tools")] == [
        {"name": tool["name"], "description": tool["description"], "parameters": tool["input_schema"]}
        for tool in BODY["tools"]
    ]
    assert len(BODY["tools"]) == TOOLS
    del told["messages"]
    assert told == {
        "model": "up-1",
        "max_tokens": 32_000,
        "temperature": 1,
        "reasoning_effort": "high",
        "tool_choice": "auto",
        "user": hashlib.sha256(USER_ID.encode()).hexdigest(),
        "stream": True,
        "stream_options": {"include_usage": True},
    }


_LEFT_OUT = {
    ".context_management.edits.type": ("body", "context_management"),
    ".context_management.edits.keep.type": ("body", "context_management"),
    ".context_management.edits.keep.value": ("body", "context_management"),
    ".system.cache_control.type": ("text", "cache_control"),
    ".system.cache_control.ttl": ("text", "cache_control"),
    ".tools.cache_control.type": ("tool", "cache_control"),
    ".messages.content.cache_control.type": ("tool_result", "cache_control"),
    ".messages.content.data": ("content", "redacted_thinking"),
}
_SAID_OTHERWISE = {
    ".model", ".metadata.user_id", ".thinking.type", ".thinking.budget_tokens",
    ".messages.content.type",  # by the roles of messages
    ".messages.content.thinking", ".messages.content.signature",  # of another model, which is no input
}  # fmt: skip


def test_translated_nothing_is_lost_but_what_the_table_leaves_out() -> None:
    said = {value for _, value in leaves(translated(BODY))}
    texts = [value for value in said if isinstance(value, str)]

    def is_said(value: Any) -> bool:
        """Arguments of a call are a text there."""
        text = value if isinstance(value, str) else f":{orjson.dumps(value).decode()}"
        return value in said or any(text in each for each in texts)

    lost = {path for path, value in leaves(BODY) if not is_said(value)}
    assert lost - _SAID_OTHERWISE == _LEFT_OUT.keys()
    assert {MESSAGES_TO_CHAT[place][field].how for place, field in _LEFT_OUT.values()} <= {"left_out"}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path, value


def test_what_another_endpoint_thought_between_its_calls_goes_back_to_such_a_one_and_to_no_other() -> None:
    """The session goes on with what a chat endpoint answered, and may come back to Anthropic's."""
    ours = {"type": "thinking", "thinking": "Between the calls.", "signature": SIGNATURE}
    call = {"type": "tool_use", "id": "call_1", "name": "mcp__files__Tool_1", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "ok"}
    more = [{"role": "assistant", "content": [ours, call]}, {"role": "user", "content": [result]}]
    body = BODY | {"messages": [*BODY["messages"], *more]}

    [asked, answer] = translated(body)["messages"][-2:]
    assert (asked["reasoning_content"], asked["tool_calls"][0]["id"]) == ("Between the calls.", answer["tool_call_id"])
    native = orjson.loads(PlainMessages().request("claude-9", {}, body))["messages"]
    assert native == [*BODY["messages"], {"role": "assistant", "content": [call]}, more[1]]
