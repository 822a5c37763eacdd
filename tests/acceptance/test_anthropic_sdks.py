"""The official Anthropic SDK, unmodified, pointed at the gateway: on models of endpoints that speak its form, and of
those that speak OpenAI's."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Literal

import pytest
import pytest_asyncio

from tests.support.live import Api, Live

if TYPE_CHECKING:
    import anthropic
    from anthropic.types import MessageParam, ToolParam

QUESTION = "say this word by word"
ANSWER = f"echo: {QUESTION}"
MESSAGES: "list[MessageParam]" = [{"role": "user", "content": QUESTION}]
TRIP: "ToolParam" = {
    "name": "plan_trip",
    "description": "Plans a trip.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
    },
}
PLANNED = {"city": QUESTION, "days": 1}
Wire = Literal["openai", "anthropic"]
BOTH = pytest.mark.parametrize("wire", ["openai", "anthropic"])


@pytest_asyncio.fixture
async def client(tenant: Api) -> "AsyncIterator[anthropic.AsyncAnthropic]":
    import anthropic  # not at the top: it takes seconds, in every process that only collects the tests

    async with anthropic.AsyncAnthropic(base_url=tenant.url, api_key=tenant.key, max_retries=0) as client:
        yield client


async def model_of(tenant: Api, stack: Live, behaviour: str, wire: Wire, **more: Any) -> str:
    return await tenant.add_model("m", stack.model_server_url, behaviour, provider=f"{wire}-compatible", **more)


@BOTH
async def test_a_message(stack: Live, tenant: Api, client: "anthropic.AsyncAnthropic", wire: Wire) -> None:
    model = await model_of(tenant, stack, "demo", wire)

    message = await client.messages.create(model=model, max_tokens=100, messages=MESSAGES, system="Be brief.")

    assert [block.model_dump(exclude_none=True) for block in message.content] == [{"type": "text", "text": ANSWER}]
    assert (message.stop_reason, message.role, message.type) == ("end_turn", "assistant", "message")
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens == 6
    assert message._request_id is not None


@BOTH
async def test_a_stream(stack: Live, tenant: Api, client: "anthropic.AsyncAnthropic", wire: Wire) -> None:
    model = await model_of(tenant, stack, "demo", wire)

    async with client.messages.stream(model=model, max_tokens=100, messages=MESSAGES) as stream:
        texts = [text async for text in stream.text_stream]
        message = await stream.get_final_message()

    assert len(texts) > 2
    assert "".join(texts) == ANSWER
    assert (message.stop_reason, message.usage.output_tokens) == ("end_turn", 6)
    assert message.usage.input_tokens > 0
    inference_id = stream.response.headers["x-tallygate-inference-id"]
    assert (await tenant.settled(inference_id))["state"] == "completed"


@BOTH
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_tools(stack: Live, tenant: Api, client: "anthropic.AsyncAnthropic", wire: Wire, streamed: bool) -> None:
    model = await model_of(tenant, stack, "demo-tools-2", wire)

    if streamed:
        async with client.messages.stream(model=model, max_tokens=100, messages=MESSAGES, tools=[TRIP]) as stream:
            message: Any = await stream.get_final_message()
    else:
        message = await client.messages.create(model=model, max_tokens=100, messages=MESSAGES, tools=[TRIP])

    assert [(block.type, block.name, block.input) for block in message.content] == [
        ("tool_use", TRIP["name"], PLANNED)
    ] * 2
    assert len({block.id for block in message.content}) == 2
    assert message.stop_reason == "tool_use"

    results: Any = [{"type": "tool_result", "tool_use_id": block.id, "content": "ok"} for block in message.content]
    turns: Any = [*MESSAGES, {"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
    again = await client.messages.create(model=model, max_tokens=100, messages=turns, tools=[TRIP])
    assert again.stop_reason == "end_turn"


@BOTH
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_thoughts(
    stack: Live, tenant: Api, client: "anthropic.AsyncAnthropic", wire: Wire, streamed: bool
) -> None:
    model = await model_of(tenant, stack, "demo-reasoning", wire)
    asked: Any = {
        "model": model, "max_tokens": 4000, "messages": MESSAGES,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }  # fmt: skip

    if streamed:
        async with client.messages.stream(**asked) as stream:
            message: Any = await stream.get_final_message()
    else:
        message = await client.messages.create(**asked)

    thought, text = message.content
    assert (thought.type, text.type, text.text) == ("thinking", "text", ANSWER)
    assert thought.thinking == "Let me think about that."
    assert thought.signature == ("c2lnbmVk" if wire == "anthropic" else "tallygate:reasoning_content")


@BOTH
async def test_a_stream_that_breaks_is_an_exception_and_no_message(
    stack: Live, tenant: Api, client: "anthropic.AsyncAnthropic", wire: Wire
) -> None:
    import anthropic

    model = await model_of(tenant, stack, "fault-stream-error-529", wire)
    kinds: list[str] = []

    with pytest.raises(anthropic.APIStatusError) as caught:
        await _collect(client, model, kinds)

    assert "content_block_delta" in kinds
    assert {"message_delta", "message_stop"}.isdisjoint(kinds)
    error: Any = caught.value.body
    assert (error["error"]["code"], error["error"]["type"]) == ("overloaded", "overloaded_error")


async def _collect(client: "anthropic.AsyncAnthropic", model: str, kinds: list[str]) -> None:
    async for event in await client.messages.create(model=model, max_tokens=9, messages=MESSAGES, stream=True):
        kinds.append(event.type)  # noqa: PERF401 - those before an error count as well


@BOTH
@pytest.mark.parametrize(
    ("behaviour", "name", "code"),
    [
        ("fault-400", "BadRequestError", "invalid_request"),
        ("fault-404-model", "APIStatusError", "model_not_found"),
        ("fault-429", "RateLimitError", "rate_limited"),
        ("fault-500", "InternalServerError", "server_error"),
        ("fault-529", "InternalServerError", "overloaded"),
    ],
)
async def test_errors_are_of_the_sdks_classes(
    stack: Live, tenant: Api, client: "anthropic.AsyncAnthropic", wire: Wire, behaviour: str, name: str, code: str
) -> None:
    import anthropic

    model = await model_of(tenant, stack, behaviour, wire)
    with pytest.raises(anthropic.APIStatusError) as caught:
        await client.messages.create(model=model, max_tokens=9, messages=MESSAGES)
    error: Any = caught.value.body
    assert (name in {base.__name__ for base in type(caught.value).__mro__}, error["error"]["code"]) == (True, code)
    assert error["error"]["inference_id"]
    assert error["request_id"] == caught.value.request_id


async def test_the_callers_own_bad_key_is_the_sdks_authentication_error(stack: Live) -> None:
    import anthropic

    async with anthropic.AsyncAnthropic(base_url=stack.gateway_url, api_key="wrong") as client:
        with pytest.raises(anthropic.AuthenticationError) as caught:
            await client.messages.create(model="auto", max_tokens=9, messages=MESSAGES)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "error"


async def test_a_model_that_is_not_here_is_the_sdks_not_found_and_says_what_to_set(
    client: "anthropic.AsyncAnthropic",
) -> None:
    import anthropic

    with pytest.raises(anthropic.NotFoundError) as caught:
        await client.messages.create(model="claude-next", max_tokens=9, messages=MESSAGES)
    error: Any = caught.value.body
    assert (error["error"]["type"], error["error"]["code"]) == ("not_found_error", "model_not_found")
    assert any("ANTHROPIC_MODEL" in tip for tip in error["error"]["tips"])


async def test_tokens_are_counted_by_the_endpoint_that_can_and_estimated_otherwise(
    stack: Live, tenant: Api, client: "anthropic.AsyncAnthropic"
) -> None:
    counting = await model_of(
        tenant, stack, "demo", "anthropic", price={"input_per_mtok_usd": 1, "output_per_mtok_usd": 1}
    )
    told = []
    for model in (
        counting,
        await tenant.add_model("other", stack.model_server_url),
        await tenant.add_model("without", stack.model_server_url, "fault-404", provider="anthropic-compatible"),
    ):
        counted = await client.messages.with_raw_response.count_tokens(model=model, messages=MESSAGES)
        assert (await counted.parse()).input_tokens > 0
        told.append((counted.headers["x-tallygate-usage"], counted.headers.get("x-tallygate-attempts")))
        if model == counting:
            inference = await tenant.settled(counted.headers["x-tallygate-inference-id"])

    assert told == [("reported", "1"), ("estimated", None), ("estimated", None)]
    assert [attempt["outcome"] for attempt in inference["attempts"]] == ["succeeded"]
    assert (await tenant.monitoring(total=2))["costs"]["custom_usd"] == 0
