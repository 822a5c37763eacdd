from collections.abc import AsyncIterator

import anthropic
import pytest
import pytest_asyncio
from anthropic.types import MessageParam, ToolParam

from deploy.model_server import RunningModelServer

pytestmark = pytest.mark.asyncio

MESSAGES: list[MessageParam] = [{"role": "user", "content": [{"type": "text", "text": "good morning"}]}]
WEATHER: ToolParam = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest_asyncio.fixture
async def sdk(server: RunningModelServer) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=server.origin, api_key="sk-test", max_retries=0, timeout=60) as client:
        yield client


async def test_a_message(sdk: anthropic.AsyncAnthropic) -> None:
    message = await sdk.messages.create(model="demo", messages=MESSAGES, max_tokens=100, system="be brief")
    assert message.content[0].type == "text"
    assert message.content[0].text == "echo: good morning"
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (4, 3)


async def test_a_stream(sdk: anthropic.AsyncAnthropic) -> None:
    async with sdk.messages.stream(model="demo", messages=MESSAGES, max_tokens=100) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        message = await stream.get_final_message()
    assert text == "echo: good morning"
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (2, 3)


async def test_the_events_of_a_stream(sdk: anthropic.AsyncAnthropic) -> None:
    stream = await sdk.messages.create(model="demo", messages=MESSAGES, max_tokens=100, stream=True)
    kinds = [event.type async for event in stream if event.type != "content_block_delta"]
    assert kinds == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


async def test_a_tool_call(sdk: anthropic.AsyncAnthropic) -> None:
    message = await sdk.messages.create(model="demo-tools", messages=MESSAGES, max_tokens=100, tools=[WEATHER])
    assert message.stop_reason == "tool_use"
    assert message.content[0].type == "tool_use"
    assert message.content[0].input == {"city": "good morning"}


async def test_a_streamed_tool_call(sdk: anthropic.AsyncAnthropic) -> None:
    async with sdk.messages.stream(model="demo-tools", messages=MESSAGES, max_tokens=100, tools=[WEATHER]) as stream:
        message = await stream.get_final_message()
    assert message.content[0].type == "tool_use"
    assert message.content[0].input == {"city": "good morning"}


@pytest.mark.parametrize(
    ("model", "error", "kind"),
    [
        ("fault-400", anthropic.BadRequestError, "invalid_request_error"),
        ("fault-400-context", anthropic.BadRequestError, "invalid_request_error"),
        ("fault-401", anthropic.AuthenticationError, "authentication_error"),
        ("fault-403", anthropic.PermissionDeniedError, "permission_error"),
        ("fault-404-model", anthropic.NotFoundError, "not_found_error"),
        ("fault-429", anthropic.RateLimitError, "rate_limit_error"),
        ("fault-500", anthropic.InternalServerError, "api_error"),
        ("fault-503", anthropic.InternalServerError, "api_error"),
        ("fault-529", anthropic.InternalServerError, "overloaded_error"),
    ],
)
async def test_a_refusal(
    sdk: anthropic.AsyncAnthropic, model: str, error: type[anthropic.APIStatusError], kind: str
) -> None:
    with pytest.raises(error) as raised:
        await sdk.messages.create(model=model, messages=MESSAGES, max_tokens=100)
    assert raised.value.body["error"]["type"] == kind  # type: ignore[index]


async def test_an_error_in_a_stream(sdk: anthropic.AsyncAnthropic) -> None:
    stream = await sdk.messages.create(model="fault-error-in-stream", messages=MESSAGES, max_tokens=100, stream=True)
    with pytest.raises(anthropic.APIStatusError, match="Internal server error"):
        async for _ in stream:
            pass


@pytest.mark.parametrize("model", ["fault-reset", "fault-half-body"])
async def test_a_broken_connection(sdk: anthropic.AsyncAnthropic, model: str) -> None:
    with pytest.raises(anthropic.APIConnectionError):
        await sdk.messages.create(model=model, messages=MESSAGES, max_tokens=100)


async def test_the_models(sdk: anthropic.AsyncAnthropic) -> None:
    models = [model.id async for model in sdk.models.list()]
    assert {"demo", "flaky-<n>", "fault-hang"} <= set(models)
