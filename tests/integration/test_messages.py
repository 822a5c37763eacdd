"""Anthropic's form through the whole stack: sessions of coding agents, other models in place of one that fails, callers
that leave and return."""

import asyncio
import json
import uuid
from typing import Any

import pytest

from shared.client import Answer
from shared.wire.messages.words import SIGNATURE
from tests.integration.streams.checking import WIRES, Wire
from tests.support.agent_session import BETAS, HEADERS, QUERY, agent_body
from tests.support.live import Api, Live
from tests.support.stub_gateway import Told, running_stub
from tests.unit.shared.wire.messages_by_chat import blocks_in

PATH = "/v1/messages"
ASKED = "one two three"
ANSWER = [{"type": "text", "text": f"echo: {ASKED}"}]

_USAGE = '{"input_tokens":3,"cache_creation_input_tokens":2,"cache_read_input_tokens":40,"output_tokens":1}'
# As an endpoint may write them: nothing of it is written anew.
_DATA = (
    '{"type": "message_start", "message": {"id":"msg_1","model":"claude-9-1","content":[],"usage":' + _USAGE + "}}",
    '{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}',
    '{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"h\\u006d"}}',
    '{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"RXFRQg=="}}',
    '{"type":"content_block_stop","index":0        }',
    '{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"a","input":{}}}',
    '{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\\"a\\": 1}"}}',
    '{"type":"content_block_stop","index":1}',
    '{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9},"tomorrow":1.0}',
    '{"type":"message_stop"      }',
)
EVENTS = tuple(f"event: {json.loads(data)['type']}\ndata: {data}".encode() for data in _DATA)
_PING = b'event: ping\ndata: {"type": "ping"}'


def _chunk(finish_reason: str | None = None, **delta: Any) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    return b"data: " + json.dumps({"id": "chatcmpl-1", "model": "up-1", "choices": choices}).encode()


def _call(index: int, arguments: str) -> dict[str, Any]:
    function = {"name": f"mcp__files__Tool_{index}", "arguments": arguments}
    return {"index": index, "id": f"call_{index}", "type": "function", "function": function}


CHUNKS = (
    _chunk(reasoning_content="hm"),
    _chunk(content="I look."),
    _chunk(tool_calls=[_call(0, ""), _call(1, "")]),
    _chunk(tool_calls=[{"index": 1, "function": {"arguments": '{"limit": 1}'}}]),
    _chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"limit": 0}'}}]),
    _chunk("tool_calls"),
    b'data: {"id":"chatcmpl-1","model":"up-1","choices":[],"usage":{"prompt_tokens":45,"completion_tokens":9}}',
    b"data: [DONE]",
)


def told(events: tuple[bytes, ...]) -> Told:
    return 200, iter([event + b"\n\n" for event in events])


def events_in(answer: Answer) -> list[str]:
    """As they came, without comments."""
    assert answer.status == 200, answer
    return [event for event in answer.text.split("\n\n") if event and not event.startswith(":")]


def read(events: list[str]) -> list[dict[str, Any]]:
    return [json.loads(event.partition("\ndata: ")[2]) for event in events]


async def ask(tenant: Api, body: dict[str, Any], headers: dict[str, str] | None = None) -> Answer:
    return await tenant.post(PATH + QUERY, body, headers=headers)


def asking(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": ASKED}], **more}


def as_an_agent(tenant: Api) -> dict[str, str]:
    """It has a token of its own beside the key that it was given."""
    assert tenant.key is not None
    return {**HEADERS, "authorization": "Bearer sk-ant-oat01-of-its-own", "x-api-key": tenant.key}


async def test_a_session_of_an_agent_passes_natively_as_it_was_written(tenant: Api) -> None:
    with running_stub() as endpoint:
        endpoint.answers["POST /v1/messages"] = told((EVENTS[0], _PING, *EVENTS[1:]))
        model = await tenant.add_model(
            "claude", endpoint.url + "/v1", "claude-9", provider="anthropic-compatible",
            headers={"anthropic-beta": "context-1m-2025-08-07"},
        )  # fmt: skip
        body = agent_body(model)
        answer = await ask(tenant, body, as_an_agent(tenant))

    assert [event.encode() for event in events_in(answer)] == list(EVENTS)
    [asked] = endpoint.asked
    assert json.dumps(asked.body) == json.dumps(body | {"model": "claude-9"})
    assert asked.headers["anthropic-beta"] == f"context-1m-2025-08-07,{BETAS}"
    assert (asked.headers["anthropic-version"], asked.headers.get("authorization")) == ("2023-06-01", None)
    assert "x-app" not in asked.headers
    [attempt] = (await tenant.settled(answer.headers["x-tallygate-inference-id"]))["attempts"]
    assert (attempt["usage"]["state"], attempt["input_tokens"], attempt["output_tokens"]) == ("reported", 45, 9)


async def test_a_session_of_an_agent_is_translated_for_another_endpoint(tenant: Api) -> None:
    with running_stub() as endpoint:
        endpoint.answers["POST /v1/chat/completions"] = told(CHUNKS)
        model = await tenant.add_model("gpt", endpoint.url + "/v1", "up-1")
        answer = await ask(tenant, agent_body(model), as_an_agent(tenant))

    events = read(events_in(answer))
    assert blocks_in(events) == [
        {"type": "thinking", "thinking": "hm", "signature": SIGNATURE},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "call_0", "name": "mcp__files__Tool_0", "input": {"limit": 0}},
        {"type": "tool_use", "id": "call_1", "name": "mcp__files__Tool_1", "input": {"limit": 1}},
    ]
    assert (events[-2]["delta"]["stop_reason"], events[-2]["usage"]["output_tokens"]) == ("tool_use", 9)
    [asked] = endpoint.asked
    assert "anthropic-beta" not in asked.headers
    assert (len(asked.body["tools"]), asked.body["max_tokens"], asked.body["stream"]) == (40, 32_000, True)
    roles = [message["role"] for message in asked.body["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool", "tool", "user", "assistant", "tool"]


@pytest.mark.parametrize(
    ("first", "streamed"),
    [("fault-529", False), ("fault-529", True), ("fault-stream-error-first", True)],
    ids=["plain", "streamed", "its stream fails before content"],
)
async def test_where_a_native_endpoint_fails_one_of_the_other_dialect_answers_in_the_callers(
    stack: Live, tenant: Api, first: str, streamed: bool
) -> None:
    failing = await tenant.add_model("claude", stack.model_server_url, first, provider="anthropic-compatible")
    good = await tenant.add_model("gpt", stack.model_server_url)

    answer = await ask(tenant, asking("auto", stream=streamed))

    assert (blocks_in(read(events_in(answer))) if streamed else answer.body["content"]) == ANSWER
    timeline = await tenant.settled(answer.headers["x-tallygate-inference-id"])
    assert {attempt["model"]: attempt["outcome"] for attempt in timeline["attempts"]} == {
        failing: "failed", good: "succeeded",
    }  # fmt: skip


@pytest.mark.parametrize("wire", WIRES)
async def test_a_streamed_message_is_told_again_to_who_asks_with_the_same_key(
    stack: Live, tenant: Api, wire: Wire
) -> None:
    model = await tenant.add_model("m", stack.model_server_url, "demo-tools-2", provider=wire)
    tools = [{"name": "f", "input_schema": {"type": "object", "required": ["x"], "properties": {"x": {}}}}]
    body, headers = asking(model, stream=True, tools=tools), {"idempotency-key": str(uuid.uuid4())}

    first = await ask(tenant, body, headers)
    again = await ask(tenant, body, headers)

    assert events_in(again) == events_in(first)
    assert [block["type"] for block in blocks_in(read(events_in(first)))] == ["tool_use", "tool_use"]
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-tallygate-inference-id"] == first.headers["x-tallygate-inference-id"]


async def leave(stack: Live, tenant: Api, body: dict[str, Any], headers: dict[str, str]) -> str:
    """Once something of the answer has come; returns the inference's id."""
    given = {"authorization": f"Bearer {tenant.key}", **headers}
    async with stack.session.post(tenant.url + PATH, json=body, headers=given) as response:
        assert response.status == 200
        async with asyncio.timeout(30):
            while b"content_block_delta" not in await response.content.readline():
                pass
        response.close()
        return response.headers["x-tallygate-inference-id"]


@pytest.mark.parametrize("wire", WIRES)
async def test_a_caller_that_leaves_may_come_back_for_the_whole_message(stack: Live, tenant: Api, wire: Wire) -> None:
    model = await tenant.add_model("m", stack.model_server_url, "demo-rate-20-count-30", provider=wire)
    body, headers = asking(model, stream=True), {"idempotency-key": str(uuid.uuid4())}

    inference_id = await leave(stack, tenant, body, headers)
    answer = await ask(tenant, body, headers)

    events = read(events_in(answer))
    assert [event["type"] for event in events][-2:] == ["message_delta", "message_stop"]
    assert len(blocks_in(events)[0]["text"].split()) == 30
    timeline = await tenant.settled(inference_id)
    assert (timeline["state"], len(timeline["attempts"])) == ("completed", 1)


async def test_a_caller_that_leaves_cancels_when_it_asked_for_that(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("m", stack.model_server_url, "demo-rate-5-count-300", provider=WIRES[1])

    inference_id = await leave(stack, tenant, asking(model, stream=True), {"x-tallygate-cancel-on-disconnect": "true"})

    timeline = await tenant.settled(inference_id)
    assert timeline["state"] == "cancelled"
    [attempt] = timeline["attempts"]
    assert (attempt["usage"]["state"], attempt["output_tokens"] > 0) == ("estimated", True)
