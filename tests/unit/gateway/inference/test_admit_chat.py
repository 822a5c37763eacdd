from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.bodies import InvalidBodyError
from services.gateway.inference.admission import Admitted, Deadlines, admit_as_chat, admit_chat

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEADLINES = Deadlines(default_s=120.0, max_s=600.0)
MESSAGES = [{"role": "user", "content": "hi"}]

# https://platform.openai.com/docs/api-reference/chat/create
DOCUMENTED: dict[str, object] = {
    "model": "custom:m",
    "audio": {"voice": "ash", "format": "wav"},
    "frequency_penalty": 0,
    "function_call": "auto",
    "functions": [{"name": "f"}],
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "max_completion_tokens": 10,
    "max_tokens": 10,
    "metadata": {"a": "b"},
    "modalities": ["text"],
    "n": 1,
    "parallel_tool_calls": True,
    "prediction": {"type": "content", "content": "x"},
    "presence_penalty": -2.0,
    "prompt_cache_key": "k",
    "reasoning_effort": "low",
    "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}},
    "safety_identifier": "u",
    "seed": 1,
    "service_tier": "auto",
    "stop": ["a", "b"],
    "store": False,
    "stream": False,
    "stream_options": {"include_usage": True},
    "temperature": 1,
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    "top_logprobs": 5,
    "top_p": 0.9,
    "user": "u",
    "verbosity": "low",
    "web_search_options": {},
}


def admit(fields: dict[str, object] | None = None, headers: dict[str, str] | None = None) -> Admitted:
    return admit_chat(orjson.dumps({"messages": MESSAGES} | (fields or {})), headers or {}, NOW, DEADLINES)


def refusal(fields: dict[str, object], headers: dict[str, str] | None = None) -> InvalidBodyError:
    with pytest.raises(InvalidBodyError) as caught:
        admit(fields, headers)
    assert caught.value.failure.error_type == "invalid_request"
    return caught.value


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_documented_field_is_taken(name: str) -> None:
    assert orjson.loads(admit({name: DOCUMENTED[name]}).body)[name] == DOCUMENTED[name]


def test_all_of_them_together_are_taken() -> None:
    assert admit(DOCUMENTED).model == "custom:m"


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_documented_field_may_be_null(name: str) -> None:
    assert orjson.loads(admit({name: None}).body)[name] is None


@pytest.mark.parametrize(
    "message",
    [
        {"role": "system", "content": "be kind"},
        {"role": "developer", "content": "be kind"},
        {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "u"}}]},
        {"role": "user", "content": "hi", "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {}}]},
        {"role": "assistant", "refusal": "no"},
        {"role": "tool", "tool_call_id": "1", "content": "42"},
        {"role": "function", "name": "f", "content": "42"},
    ],
)
def test_every_kind_of_message_is_taken(message: dict[str, object]) -> None:
    assert orjson.loads(admit({"messages": [message]}).body)["messages"] == [message]


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[{"role":"user","content":"hi","x":1.0}],"unknown":{"b":1,"a":[null]}}',
        b' {\n"messages" : [ {"role":"user", "content":"\\u00e9\\/ \xc3\xa9"} ] , "seed": 1, "top_p": 1.50 }\n',
        b'{"messages":[{"role":"user","content":"hi"}],"seed":1,"big":123456789012345678901234567890}',
    ],
)
def test_the_body_goes_on_byte_for_byte(body: bytes) -> None:
    assert admit_chat(body, {}, NOW, DEADLINES).body == body


@pytest.mark.parametrize(
    "fields", [{"max_tokens": 1}, {"max_completion_tokens": 1}, {"n": 1}, {"n": 128}, {"top_logprobs": 0}]
)
def test_numbers_at_their_limit_are_taken(fields: dict[str, object]) -> None:
    assert orjson.loads(admit(fields).body) == {"messages": MESSAGES} | fields


def test_our_own_field_is_taken_out_of_the_body() -> None:
    admitted = admit({"deadline_s": 5, "unknown": [1]})
    assert orjson.loads(admitted.body) == {"messages": MESSAGES, "unknown": [1]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [*MESSAGES, {"role": "user", "content": 5}]}, "messages[1].content"),
        ({"messages": [{"role": "user", "content": ["hi"]}]}, "messages[0].content"),
        ({"stop": 5}, "stop"),
        ({"tool_choice": 5}, "tool_choice"),
        ({"model": 5}, "model"),
        ({"model": "x" * 257}, "model"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "10"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"seed": 1.5}, "seed"),
        ({"top_logprobs": -1}, "top_logprobs"),
        ({"tools": {}}, "tools"),
        ({"tools": ["f"]}, "tools[0]"),
        ({"response_format": "json"}, "response_format"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": "yes"}}, "stream_options.include_usage"),
        ({"logprobs": 1}, "logprobs"),
        ({"user": 1}, "user"),
        ({"deadline_s": 0}, "deadline_s"),
        ({"deadline_s": -1}, "deadline_s"),
        ({"deadline_s": "5"}, "deadline_s"),
        ({"deadline_s": True}, "deadline_s"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, object], param: str) -> None:
    error = refusal(fields)
    assert error.param == param
    assert param in error.failure.detail


def test_a_body_without_messages_is_refused() -> None:
    with pytest.raises(InvalidBodyError) as caught:
        admit_chat(b'{"model": "custom:m"}', {}, NOW, DEADLINES)
    assert caught.value.param == "messages"


def test_what_was_sent_is_not_repeated() -> None:
    assert "opensesame" not in refusal({"temperature": "opensesame", "messages": ["opensesame"]}).failure.detail


def test_three_fields_are_told_and_the_rest_is_counted() -> None:
    error = refusal({"temperature": "x", "seed": "x", "user": 1, "n": 0, "tools": 1})
    assert error.failure.detail.count(";") == 2
    assert error.failure.detail.endswith("(and 2 more)")


@pytest.mark.parametrize(
    ("fields", "headers", "seconds"),
    [
        ({}, {}, 120.0),
        ({"deadline_s": None}, {}, 120.0),
        ({"deadline_s": 5}, {}, 5.0),
        ({"deadline_s": 0.25}, {}, 0.25),
        ({}, {"x-tallygate-deadline-s": "7.5"}, 7.5),
        ({"deadline_s": 5}, {"x-tallygate-deadline-s": "7"}, 5.0),
        ({"deadline_s": 5}, {"x-tallygate-deadline-s": "soon"}, 5.0),
        ({"deadline_s": 601}, {}, 600.0),
        ({"deadline_s": 1e300}, {}, 600.0),
        ({}, {"x-tallygate-deadline-s": "99999"}, 600.0),
    ],
)
def test_the_deadline_is_the_bodys_or_the_headers_or_the_default_within_the_limit(
    fields: dict[str, object], headers: dict[str, str], seconds: float
) -> None:
    admitted = admit(fields, headers)
    assert admitted.accepted_at == NOW
    assert admitted.deadline_at == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "0", "-1", "nan", "inf", "-inf", "1e999", "5s"])
def test_a_deadline_header_that_is_no_time_is_refused_by_name(text: str) -> None:
    error = refusal({}, {"x-tallygate-deadline-s": text})
    assert error.param == "x-tallygate-deadline-s"


@given(st.text(max_size=20))
def test_any_deadline_header_gives_a_deadline_within_the_limit_or_a_refusal(text: str) -> None:
    try:
        given = admit({}, {"x-tallygate-deadline-s": text}).deadline_at - NOW
    except InvalidBodyError:
        return
    assert timedelta() <= given <= timedelta(seconds=DEADLINES.max_s)


@pytest.mark.parametrize(
    ("text", "ruled_out"),
    [("1", True), ("true", True), ("Yes", True), ("0", False), ("false", False), ("NO", False)],
)
def test_fallback_can_be_ruled_out_by_a_header(text: str, ruled_out: bool) -> None:
    assert admit({}, {"x-tallygate-no-fallback": text}).options.no_fallback is ruled_out


@pytest.mark.parametrize("text", ["", "2", "never"])
def test_a_header_that_says_neither_true_nor_false_is_refused(text: str) -> None:
    with pytest.raises(InvalidBodyError, match="x-tallygate-no-fallback"):
        admit({}, {"x-tallygate-no-fallback": text})


def test_without_the_header_fallback_is_allowed_and_inactive_models_are_not() -> None:
    admitted = admit()
    assert (admitted.options.no_fallback, admitted.options.allow_inactive) == (False, False)


def test_the_body_says_how_to_choose_and_the_model_does_not_see_it() -> None:
    admitted = admit({"policy": "cheapest", "no_fallback": True}, {"x-tallygate-policy": "fastest"})
    assert (admitted.options.policy, admitted.options.no_fallback) == ("cheapest", True)
    assert not {"policy", "no_fallback"} & orjson.loads(admitted.body).keys()


def test_a_header_says_how_to_choose() -> None:
    assert admit({}, {"x-tallygate-policy": "fastest"}).options.policy == "fastest"


def test_a_header_says_how_urgent_it_is() -> None:
    assert admit({}, {"x-tallygate-priority": "bulk"}).priority == "bulk"
    assert admit().priority is None


def test_an_unknown_priority_is_refused() -> None:
    with pytest.raises(InvalidBodyError, match="x-tallygate-priority must be one of interactive, normal, bulk"):
        admit({}, {"x-tallygate-priority": "urgent"})


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(InvalidBodyError, match="custom_first, provider_first"):
        admit({}, {"x-tallygate-policy": "best"})


def test_what_is_asked_in_another_form_may_become_too_deep_for_a_chat() -> None:
    deep: dict[str, object] = {}
    for _ in range(300):
        deep = {"a": deep}
    with pytest.raises(InvalidBodyError, match="nested too deeply"):
        admit_as_chat({"messages": MESSAGES, "metadata": deep}, {}, NOW, DEADLINES)
