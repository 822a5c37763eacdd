"""Whatever a chat holds, an Anthropic endpoint gets a conversation within its rules, or none."""

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.model_server.anthropic_rules import broken_rule
from shared.wire import UntranslatableError
from shared.wire.chat_by_messages.chat_fields import CHAT_TO_MESSAGES
from shared.wire.chat_by_messages.exchange import ChatByMessages
from shared.wire.fields import Row

ANTHROPIC = ChatByMessages()
HI = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}

Object = dict[str, Any]


def sent(body: Object, model: str = "claude-sonnet-5") -> Object:
    out: Object = orjson.loads(ANTHROPIC.request(model, {}, {"messages": [HI]} | body))
    assert broken_rule(out) is None
    return out


def turns(*messages: Object) -> list[Object]:
    out: list[Object] = sent({"messages": list(messages)})["messages"]
    return out


def refused(body: Object, model: str = "claude-sonnet-5") -> str:
    with pytest.raises(UntranslatableError) as caught:
        sent(body, model)
    return caught.value.field


def called(*ids: str, name: str = "f") -> Object:
    return {"role": "assistant", "tool_calls": [{"id": one, "function": {"name": name}} for one in ids]}


def result(of: str, content: Any = "ok") -> Object:
    return {"role": "tool", "tool_call_id": of, "content": content}


IDS = (
    st.sampled_from(["", "call_0", "call_1", "functions.find:0", "functions_find_0", "ü" * 100, "a" * 500]) | st.text()
)
TEXTS = st.sampled_from(["", " ", "hi", "hi \n"]) | st.text()
CONTENTS = TEXTS | st.none() | st.lists(st.builds(lambda text: {"type": "text", "text": text}, TEXTS), max_size=2)


@st.composite
def agent_turns(draw: st.DrawFn) -> list[Object]:
    """Calls and their results, as agents of any model leave them behind: the same ids again, texts in between."""
    ids = draw(st.lists(IDS, min_size=1, max_size=3))
    said = {"role": "assistant", "content": draw(CONTENTS)}
    more = draw(st.lists(st.builds(lambda content: {"role": "user", "content": content}, CONTENTS), max_size=1))
    results = [result(one, draw(CONTENTS)) for one in draw(st.permutations(ids))]
    return [said | called(*ids, name=draw(TEXTS)), *more, *results, *draw(st.lists(MESSAGES, max_size=1))]


MESSAGES = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["system", "developer", "user", "assistant"]),
    CONTENTS,
)
CHATS = st.lists(st.lists(MESSAGES, max_size=2) | agent_turns(), min_size=1, max_size=4).map(
    lambda parts: [message for part in parts for message in part]
)


@given(CHATS)
def test_every_chat_becomes_a_conversation_within_the_rules_or_is_empty(messages: list[Object]) -> None:
    """Nothing that was said is missing, each result has its call, and the same chat is the same conversation."""
    if not any(_texts(message) or message.get("tool_calls") for message in messages):
        assert refused({"messages": messages}) == "messages"
        return
    out = sent({"messages": messages})
    assert sent({"messages": messages}) == out
    told = orjson.dumps(out).decode()
    for text in (text for message in messages for text in _texts(message)):
        assert orjson.dumps(text.rstrip()).decode().strip('"') in told


def _texts(message: Object) -> list[str]:
    content = message.get("content") or []
    texts = [content] if isinstance(content, str) else [part["text"] for part in content]
    return [text for text in texts if text.strip()]


@given(st.lists(IDS, min_size=1, max_size=6))
def test_each_result_answers_its_own_call_and_no_two_calls_have_one_id(ids: list[str]) -> None:
    messages = [HI, *(message for n, one in enumerate(ids) for message in (called(one), result(one, f"of {n}")))]
    conversation = turns(*messages)[1:]
    uses = [turn["content"][0]["id"] for turn in conversation[::2]]
    answers = [(turn["content"][0]["tool_use_id"], turn["content"][0]["content"]) for turn in conversation[1::2]]
    assert answers == [(one, f"of {n}") for n, one in enumerate(uses)]
    assert len({*uses}) == len(ids)


def test_an_id_that_the_endpoint_takes_stays_as_it_is() -> None:
    assert turns(HI, called("toolu_01A-b"), result("toolu_01A-b"))[1]["content"][0]["id"] == "toolu_01A-b"


def test_calls_of_one_turn_that_share_an_id_get_their_results_in_order() -> None:
    _, said, answered = turns(HI, called("call_0", "call_0"), result("call_0", "a"), result("call_0", "b"))
    assert [block["tool_use_id"] for block in answered["content"]] == [block["id"] for block in said["content"]]
    assert [block["content"] for block in answered["content"]] == ["a", "b"]


def test_results_stand_right_after_their_calls_before_what_the_user_says() -> None:
    _, _, answered = turns(HI, called("a", "b"), {"role": "user", "content": "?"}, result("b"), result("a"))
    assert [block["type"] for block in answered["content"]] == ["tool_result", "tool_result", "text"]


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([HI, called("a"), HI], "messages[1].tool_calls[0]"),
        ([HI, called("a")], "messages[1].tool_calls[0]"),
        ([HI, called("a"), HI, {"role": "assistant", "content": "x"}, result("a")], "messages[1].tool_calls[0]"),
        ([HI, result("a")], "messages[1].tool_call_id"),
        ([HI, called("a"), result("a"), result("a")], "messages[3].tool_call_id"),
        ([HI, {"role": "function", "name": "f", "content": ""}], "messages[1].name"),
        ([HI, {"role": "assistant", "name": "bot", "content": "hi"}], "messages[1].name"),
        ([{"role": "system", "name": "example_user", "content": "hi"}, HI], "messages[0].name"),
        ([{"role": "critic", "content": "hi"}], "messages[0].role"),
        ([{"role": "user", "content": " "}], "messages"),
        ([HI, {"role": "assistant", "content": "hi", "audio": {"id": "audio_1"}}], "messages[1].audio"),
        ([HI | {"unheard_of": 1}], "messages[0].unheard_of"),
    ],
)
def test_what_no_conversation_of_the_endpoint_can_hold_is_named(messages: list[Object], field: str) -> None:
    assert refused({"messages": messages}) == field


def test_a_chat_that_begins_with_the_assistant_gets_a_first_word_of_the_user() -> None:
    first, second, _ = turns({"role": "assistant", "content": "hello"}, HI)
    assert first["role"] == "user"
    assert second == {"role": "assistant", "content": "hello"}


def test_a_chat_of_system_messages_alone_can_be_asked() -> None:
    assert [turn["role"] for turn in turns({"role": "system", "content": "tell a joke"})] == ["user"]


def test_whitespace_at_the_end_of_a_final_turn_of_the_assistant_goes() -> None:
    assert turns(HI, {"role": "assistant", "content": "The answer is \n"})[-1]["content"] == "The answer is"
    assert turns(HI, {"role": "assistant", "content": " \n"}) == [HI]


def test_a_users_name_is_told_before_what_the_user_says() -> None:
    assert turns({"role": "user", "name": "alice", "content": "hi"})[0]["content"] == [
        {"type": "text", "text": "alice:"},
        {"type": "text", "text": "hi"},
    ]


def test_tools_that_were_called_and_are_offered_no_more_may_not_be_called() -> None:
    out = sent({"messages": [HI, called("a", name="find.it"), result("a")]})
    assert out["tools"] == [{"name": "find_it", "input_schema": {"type": "object", "properties": {}}}]
    assert out["tool_choice"] == {"type": "none"}


def test_the_first_form_of_tools_is_translated() -> None:
    out = sent(
        {
            "functions": [TOOL["function"]],
            "function_call": {"name": "f"},
            "messages": [
                HI,
                {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a": 1}'}},
                {"role": "function", "name": "f", "content": "ok"},
            ],
        }
    )
    _, said, answered = out["messages"]
    (use,), (answer,) = said["content"], answered["content"]
    assert (use["name"], use["input"], answer["tool_use_id"]) == ("f", {"a": 1}, use["id"])
    assert out["tool_choice"] == {"type": "tool", "name": "f"}


def test_images_in_results_and_errors_of_tools_are_told() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}
    _, _, answered = turns(HI, called("a"), result("a", [picture]) | {"is_error": True})
    (block,) = answered["content"]
    assert block["content"][0]["source"] == {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}
    assert block["is_error"] is True


THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
SECRET_THOUGHT = {"type": "redacted_thinking", "data": "c2VjcmV0"}


def test_thoughts_that_are_signed_come_before_what_was_said_and_called() -> None:
    said = {"content": "so", "reasoning_content": "hm", "thinking_blocks": [THOUGHT, {"index": 1, **SECRET_THOUGHT}]}
    unsigned = {"role": "assistant", "content": "x", "thinking_blocks": [{"type": "thinking", "thinking": "hm"}]}
    _, turn, _, last = turns(HI, called("a") | said, result("a"), unsigned)
    assert turn["content"][:3] == [THOUGHT, SECRET_THOUGHT, {"type": "text", "text": "so"}]
    assert last["content"] == "x"


def test_thoughts_among_the_parts_of_a_turn_are_kept_when_they_are_signed() -> None:
    of_another_model = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    parts = [of_another_model, THOUGHT, {"type": "text", "text": "so"}]
    assert turns(HI, {"role": "assistant", "content": parts})[1]["content"] == [THOUGHT, {"type": "text", "text": "so"}]


def test_a_turn_of_thoughts_alone_is_left_out() -> None:
    assert turns(HI, {"role": "assistant", "content": "", "thinking_blocks": [THOUGHT]}) == [HI]


CACHED = {"type": "ephemeral"}
MARK = {"mode": "explicit"}


def test_breakpoints_of_caches_go_where_they_stand() -> None:
    out = sent(
        {
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "long", "cache_control": CACHED}]},
                {"role": "user", "content": "longer", "cache_control": CACHED},
                called("a"),
                result("a") | {"cache_control": CACHED},
                {"role": "user", "content": [{"type": "text", "text": "x", "prompt_cache_breakpoint": MARK}]},
            ],
            "tools": [TOOL | {"cache_control": CACHED}],
        }
    )  # fmt: skip
    first, _, last = out["messages"]
    assert out["system"] == [{"type": "text", "text": "long", "cache_control": CACHED}]
    assert first["content"] == [{"type": "text", "text": "longer", "cache_control": CACHED}]
    assert [block["cache_control"] for block in last["content"]] == [CACHED, {"type": "ephemeral", "ttl": "1h"}]
    assert out["tools"][0]["cache_control"] == CACHED


PDF = base64.b64encode(b"%PDF-1.7 ...").decode()


@pytest.mark.parametrize(
    ("file", "block"),
    [
        (
            {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                "title": "a.pdf",
            },
        ),
        (
            {"file_data": PDF},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
        ),
        (
            {"file_data": "data:text/markdown;base64,IyBoaQ=="},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "# hi"}},
        ),
        (
            {"file_data": "data:image/png;base64,iVBORw=="},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
        ),
    ],
)
def test_files_become_documents_or_images(file: Object, block: Object) -> None:
    assert turns({"role": "user", "content": [{"type": "file", "file": file}]})[0]["content"] == [block]


@pytest.mark.parametrize(
    ("url", "media_type"),
    [
        ("data:image/jpg;base64,AAAA", "image/jpeg"),
        ("data:image/png;base64,/9j/4AAQ", "image/jpeg"),
        ("data:IMAGE/PNG;charset=x;base64,AA\nAA", "image/png"),
    ],
)
def test_pictures_are_told_as_what_they_are(url: str, media_type: str) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}
    (block,) = turns({"role": "user", "content": [part]})[0]["content"]
    assert block["source"]["media_type"] == media_type
    assert "\n" not in block["source"]["data"]


def test_the_default_of_what_claude_may_not_be_told_is_not_sent() -> None:
    asked = {"temperature": 1, "top_p": 1.0}
    assert sent(asked) == sent({})
    assert sent(asked, "deepseek-chat") == sent({}, "deepseek-chat") | asked
    assert sent({"temperature": 0.5, "top_p": 0.5}) == sent({}) | {"temperature": 0.5, "top_p": 0.5}


def said(part: Object) -> Object:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, part]}]}


def picture(**fields: object) -> Object:
    return said({"type": "image_url", "image_url": {"url": "https://h/cat.png", **fields}})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (picture(detail="low"), "messages[0].content[1].image_url.detail"),
        (picture(url="data:image/svg+xml,%3Csvg"), "messages[0].content[1].image_url.url"),
        (said({"type": "file", "file": {"file_id": "file-1"}}), "messages[0].content[1].file.file_id"),
        (said({"type": "file", "file": {"file_data": "data:text/plain;base64,/w=="}}),
         "messages[0].content[1].file.file_data"),
        (said({"type": "file", "file": {"file_data": "AAAA"}}), "messages[0].content[1].file.file_data"),
        (said({"type": "text", "text": "x", "prompt_cache_breakpoint": {"ttl": "12h"}}),
         "messages[0].content[1].prompt_cache_breakpoint.ttl"),
        (said({"type": "text", "text": "x", "unheard_of": 1}), "messages[0].content[1].unheard_of"),
        ({"temperature": 1.1}, "temperature"),
        ({"user": "u" * 257}, "user"),
        ({"stop": "\n"}, "stop[0]"),
        ({"stop": ["END", " "]}, "stop[1]"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format.json_schema.schema"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"web_search_options": {"search_context_size": "high"}}, "web_search_options.search_context_size"),
        ({"tools": [{"type": "function", "function": {"name": "functions.find"}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].custom"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [TOOL], "parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"n": 2}, "n"),
    ],
)  # fmt: skip
def test_what_the_endpoint_has_not_is_named(body: Object, field: str) -> None:
    assert refused(body) == field


REFUSED = [row for row in CHAT_TO_MESSAGES["body"].values() if row.how == "refused"]


@pytest.mark.parametrize("row", REFUSED, ids=[row.field for row in REFUSED])
def test_a_refused_field_passes_when_it_asks_for_nothing(row: Row) -> None:
    assert refused({row.field: 3}) == row.field
    assert all(sent({row.field: nothing}) == sent({}) for nothing in (None, *row.nothing))


LEFT_OUT = [row.field for row in CHAT_TO_MESSAGES["body"].values() if row.how == "left_out"]


@pytest.mark.parametrize("field", LEFT_OUT)
def test_what_asks_nothing_of_the_answer_is_left_out(field: str) -> None:
    assert sent({field: "x"}) == sent({})


OWN = {"top_k": 5, "thinking": {"type": "enabled", "budget_tokens": 2000}, "cache_control": CACHED, "speed": "fast"}


def test_fields_of_the_endpoints_own_form_pass() -> None:
    assert sent(OWN) == sent({}) | OWN
    assert sent({"system": "a", "messages": [{"role": "system", "content": "b"}, HI]})["system"] == "a\n\nb"
    assert sent({"system": [{"type": "text", "text": 5}], "messages": [{"role": "system", "content": "b"}, HI]})[
        "system"
    ]
    assert sent({"stop_sequences": ["a"], "stop": "b"})["stop_sequences"] == ["a", "b"]


SCHEMA = {"type": "object", "properties": {"a": {"type": "object", "properties": {"type": {"type": "string"}}}}}


def test_a_schema_for_the_answer_is_asked_for_and_closed() -> None:
    asked = {"type": "json_schema", "json_schema": {"name": "n", "description": "d", "strict": True, "schema": SCHEMA}}
    assert sent({"response_format": asked})["output_config"] == {
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "description": "d",
                "properties": {
                    "a": {
                        "type": "object",
                        "properties": {"type": {"type": "string"}},
                        "additionalProperties": False,
                    }
                },
                "additionalProperties": False,
            },
        }
    }
    assert sent({"response_format": {"type": "text"}}) == sent({})


@pytest.mark.parametrize(
    ("model", "asked", "translated"),
    [
        ("claude-opus-5", {"reasoning_effort": "high"},
         {"max_tokens": 32_000, "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ("claude-opus-4-6", {"reasoning_effort": "minimal"},
         {"max_tokens": 32_000, "thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ("claude-sonnet-4-5-20250929", {"reasoning_effort": "medium"},
         {"max_tokens": 32_000, "thinking": {"type": "enabled", "budget_tokens": 8192}}),
        ("claude-sonnet-4-20250514", {"reasoning_effort": "max"},
         {"max_tokens": 60_000, "thinking": {"type": "enabled", "budget_tokens": 48_000}}),
        ("claude-3-7-sonnet-latest", {"reasoning_effort": "high", "max_completion_tokens": 2000},
         {"max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1600}}),
        ("claude", {"thinking": {"type": "enabled", "budget_tokens": 8000}},
         {"max_tokens": 10_000, "thinking": {"type": "enabled", "budget_tokens": 8000}}),
        ("claude-opus-5", {"reasoning_effort": "none"}, {"max_tokens": 32_000, "thinking": {"type": "disabled"}}),
        ("claude-opus-5", {"reasoning_effort": "low", "thinking": {"type": "disabled"}},
         {"max_tokens": 32_000, "thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}),
        ("deepseek-chat", {"reasoning_effort": "low"}, {"max_tokens": 4096, "output_config": {"effort": "low"}}),
        ("claude-3-opus-20240229", {}, {"max_tokens": 4096}),
    ],
)  # fmt: skip
def test_effort_is_asked_for_as_the_model_knows_it(model: str, asked: Object, translated: Object) -> None:
    assert sent(asked, model) == {"model": model, "messages": [HI], **translated}


def test_a_budget_that_leaves_no_room_for_thoughts_is_refused() -> None:
    body = {"reasoning_effort": "low", "max_completion_tokens": 1000}
    assert refused(body, "claude-haiku-4-5") == "reasoning_effort"


@pytest.mark.parametrize(
    ("asked", "choice"),
    [
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": False, "tool_choice": "required"}, {"type": "any", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": False, "tool_choice": "none"}, {"type": "none"}),
        ({"parallel_tool_calls": True, "tool_choice": "auto"}, {"type": "auto"}),
        ({"function_call": "auto"}, {"type": "auto"}),
    ],
)
def test_who_may_be_called_at_once_is_said_by_the_choice(asked: Object, choice: Object) -> None:
    assert sent({"tools": [TOOL]} | asked)["tool_choice"] == choice


def test_only_the_tools_that_are_allowed_are_offered() -> None:
    other = {"type": "function", "function": {"name": "g", "strict": True}}
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}
    out = sent({"tools": [TOOL, other], "tool_choice": {"type": "allowed_tools", "allowed_tools": allowed}})
    assert [(tool["name"], tool["strict"]) for tool in out["tools"]] == [("g", True)]
    assert out["tool_choice"] == {"type": "any"}


def test_the_endpoints_own_tools_pass_and_a_search_of_the_web_is_one() -> None:
    own = {"type": "code_execution_20250825", "name": "code_execution"}
    place = {"type": "approximate", "approximate": {"city": "Bern"}}
    assert sent({"tools": [own], "web_search_options": {"user_location": place}})["tools"] == [
        own,
        {"type": "web_search_20250305", "name": "web_search", "user_location": {"type": "approximate", "city": "Bern"}},
    ]


@pytest.mark.parametrize(
    ("tier", "sent_tier"), [("auto", None), ("default", "standard_only"), ("standard_only", "standard_only")]
)
def test_the_standard_tier_is_asked_for_by_its_name(tier: str, sent_tier: str | None) -> None:
    assert sent({"service_tier": tier}).get("service_tier") == sent_tier
