"""The tables of dialects name every field of the vendors' own types, and what we answer is of these types."""

from collections.abc import Iterator
from typing import Any, get_args

import openai.types.chat
import orjson
import pytest
from anthropic.types import Message, RawContentBlockDelta, message_create_params
from anthropic.types.content_block import ContentBlock
from openai import Omit
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk, completion_create_params
from openai.types.chat import chat_completion_content_part_param as parts
from openai.types.shared_params import FunctionDefinition, response_format_json_schema

from shared.wire import exchange_of
from shared.wire.chat_by_messages.answer_fields import MESSAGE_TO_COMPLETION
from shared.wire.chat_by_messages.chat_fields import CHAT_TO_MESSAGES
from shared.wire.chat_by_messages.exchange import ChatByMessages
from shared.wire.reading.collected import Collected
from shared.wire.reading.server_events import ServerEvent

chat = openai.types.chat

OPENAI_FIELDS: dict[str, tuple[Any, ...]] = {
    "body": (
        completion_create_params.CompletionCreateParamsNonStreaming,
        completion_create_params.CompletionCreateParamsStreaming,
    ),
    "message": (
        chat.ChatCompletionAssistantMessageParam,
        chat.ChatCompletionDeveloperMessageParam,
        chat.ChatCompletionFunctionMessageParam,
        chat.ChatCompletionSystemMessageParam,
        chat.ChatCompletionToolMessageParam,
        chat.ChatCompletionUserMessageParam,
    ),
    "part": (
        chat.ChatCompletionContentPartImageParam,
        chat.ChatCompletionContentPartInputAudioParam,
        chat.ChatCompletionContentPartRefusalParam,
        chat.ChatCompletionContentPartTextParam,
        parts.File,
    ),
    "file": (parts.FileFile,),
    "prompt_cache_breakpoint": (parts.FilePromptCacheBreakpoint,),
    "image_url": (chat.chat_completion_content_part_image_param.ImageURL,),
    "tool": (chat.ChatCompletionFunctionToolParam, chat.ChatCompletionCustomToolParam),
    "function": (FunctionDefinition, completion_create_params.Function),
    "tool_choice": (
        chat.ChatCompletionAllowedToolChoiceParam,
        chat.ChatCompletionNamedToolChoiceCustomParam,
        chat.ChatCompletionNamedToolChoiceParam,
    ),
    "allowed_tools": (chat.ChatCompletionAllowedToolsParam,),
    "tool_call": (
        chat.ChatCompletionMessageCustomToolCallParam,
        chat.ChatCompletionMessageFunctionToolCallParam,
    ),
    "called_function": (
        chat.chat_completion_message_function_tool_call_param.Function,
        chat.chat_completion_assistant_message_param.FunctionCall,
    ),
    "response_format": (response_format_json_schema.ResponseFormatJSONSchema,),
    "json_schema": (response_format_json_schema.JSONSchema,),
    "web_search_options": (completion_create_params.WebSearchOptions,),
}


@pytest.mark.parametrize("place", sorted(CHAT_TO_MESSAGES))
def test_every_field_that_openai_documents_has_a_row(place: str) -> None:
    documented = {name for kind in OPENAI_FIELDS[place] for name in kind.__annotations__}
    assert documented - CHAT_TO_MESSAGES[place].keys() == set()


# What a chat asks for by other names.
ASKED_BY_OPENAI_NAMES = {
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "service_tier",
    "stream",
    "tool_choice",
    "tools",
}


def test_every_field_that_anthropic_documents_can_be_asked_for() -> None:
    documented = {
        *message_create_params.MessageCreateParamsStreaming.__annotations__,
        *message_create_params.MessageCreateParamsBase.__annotations__,
    }
    assert documented - CHAT_TO_MESSAGES["body"].keys() == set()
    assert documented >= ASKED_BY_OPENAI_NAMES


def _kinds(union: Any) -> set[str]:
    return {get_args(kind.model_fields["type"].annotation)[0] for kind in get_args(get_args(union)[0])}


def test_every_part_of_an_answer_that_anthropic_documents_has_a_row() -> None:
    assert Message.model_fields.keys() == MESSAGE_TO_COMPLETION["answer"].keys()
    assert _kinds(ContentBlock) == MESSAGE_TO_COMPLETION["content"].keys()
    assert _kinds(RawContentBlockDelta) == MESSAGE_TO_COMPLETION["delta"].keys()


PAGE = {"type": "web_search_result", "url": "https://h/a", "title": "A", "encrypted_content": "x", "page_age": None}
CITED = {
    "type": "web_search_result_location", "url": "https://h/a", "title": "A", "cited_text": "so", "encrypted_index": "",
}  # fmt: skip
BLOCKS: dict[str, dict[str, Any]] = {
    "thought": {"type": "thinking", "thinking": "let me see", "signature": "c2ln"},
    "hidden thought": {"type": "redacted_thinking", "data": "c2VjcmV0"},
    "search": {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
    "found": {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [PAGE]},
    "text": {"type": "text", "text": "It is "},
    "cited": {"type": "text", "text": "so.", "citations": [CITED]},
    "call": {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"city": "Bern"}},
    "empty call": {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
}
ENDINGS: dict[str, dict[str, Any]] = {
    "end_turn": {},
    "stop_sequence": {"stop_sequence": "END"},
    "tool_use": {},
    "pause_turn": {},
    "refusal": {"stop_details": {"type": "refusal", "category": "bio", "explanation": "no"}},
}
USAGE = {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 6}


def _message(blocks: list[dict[str, Any]], stop_reason: str) -> dict[str, Any]:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": blocks,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": USAGE,
        **ENDINGS[stop_reason],
    }
    return Message.model_validate(message).model_dump(mode="json")


def _events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    begun = {**message, "content": [], "stop_reason": None, "stop_details": None, "stop_sequence": None}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(message["content"]):
        start, deltas = _streamed(block)
        yield {"type": "content_block_start", "index": index, "content_block": start}
        yield from ({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
        yield {"type": "content_block_stop", "index": index}
    delta = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 4}}
    yield {"type": "message_stop"}


def _streamed(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "text":
            cited = [{"type": "citations_delta", "citation": citation} for citation in block["citations"] or ()]
            texts = [{"type": "text_delta", "text": letter} for letter in block["text"]]
            return {**block, "text": "", "citations": None}, [*texts[:1], *cited, *texts[1:]]
        case "thinking":
            thoughts = [{"type": "thinking_delta", "thinking": letter} for letter in block["thinking"]]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return {**block, "thinking": "", "signature": ""}, [*thoughts, signed]
        case "tool_use" | "server_tool_use" if block["input"]:
            written = orjson.dumps(block["input"]).decode()
            partial = [written[:4], written[4:]]
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in partial]
    return block, []


def _answered(message: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(ChatByMessages().completion(orjson.dumps(message)).body)
    return body


def _chunks(message: dict[str, Any]) -> list[dict[str, Any]]:
    exchange = exchange_of("chat", "openai", "anthropic")
    assert exchange is not None
    reader = exchange.stream()
    sent = [ServerEvent(event["type"].encode(), orjson.dumps(event)) for event in _events(message)]
    return [orjson.loads(chunk.data) for event in sent for chunk in reader.chunks(event)] + [
        orjson.loads(chunk.data) for chunk in reader.end()
    ]


CASES = [
    (["text"], "end_turn"),
    (["text"], "stop_sequence"),
    ([], "end_turn"),
    (["thought", "hidden thought", "text", "call", "empty call"], "tool_use"),
    (["thought", "call"], "tool_use"),
    (["text", "search", "found"], "pause_turn"),
    (["search", "found", "text", "cited", "cited", "thought"], "end_turn"),
    (["text"], "refusal"),
]


@pytest.mark.parametrize(("blocks", "stop_reason"), CASES, ids=[f"{'+'.join(b)} {s}" for b, s in CASES])
def test_answers_whole_and_streamed_are_of_openais_types_and_say_the_same(blocks: list[str], stop_reason: str) -> None:
    message = _message([BLOCKS[name] for name in blocks], stop_reason)
    body, chunks = _answered(message), _chunks(message)
    ChatCompletion.model_validate(body, strict=True)
    assert _comparable(_added_up(chunks)) == _comparable(body)
    collected = Collected()
    for chunk in chunks:
        collected.add(chunk)
    ours = orjson.loads(collected.completion())
    assert _comparable(ours) == _comparable(body)
    assert ours["choices"][0].get("provider_specific_fields") == body["choices"][0].get("provider_specific_fields")


def _added_up(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """By OpenAI's own reader of streams, which adds up what is in lists by their indexes."""
    state = ChatCompletionStreamState(input_tools=Omit(), response_format=Omit())
    for chunk in chunks:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk, strict=True))
    return state.current_completion_snapshot.model_dump(mode="json")


def _comparable(completion: dict[str, Any]) -> Any:
    """What that reader adds up, without nulls and indexes."""
    (choice,) = completion["choices"]
    return _plain(
        [completion["id"], completion["model"], completion["usage"], choice["message"], choice["finish_reason"]]
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _plain(part) for name, part in value.items() if name not in ("index", "parsed_arguments")}
        return {name: part for name, part in kept.items() if part not in (None, "", [])}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def test_what_an_answer_thought_and_searched_comes_back_in_the_next_request() -> None:
    message = _message(
        [BLOCKS[name] for name in ("thought", "hidden thought", "search", "found", "text", "call")], "tool_use"
    )
    said = _answered(message)["choices"][0]["message"]
    streamed = _added_up(_chunks(message))["choices"][0]["message"]
    for answer in (said, streamed):
        asked = [{"role": "user", "content": "?"}, answer, {"role": "tool", "tool_call_id": "toolu_1", "content": "ok"}]
        turn = orjson.loads(ChatByMessages().request("m", {}, {"messages": asked}))["messages"][1]["content"]
        assert [_plain(block) for block in turn] == [_plain(block) for block in message["content"]]
