from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam

from deploy.model_server import RunningModelServer

pytestmark = pytest.mark.asyncio

MESSAGES: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "good morning"},
]
WEATHER: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest_asyncio.fixture
async def sdk(server: RunningModelServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=server.url, api_key="sk-test", max_retries=0, timeout=60) as client:
        yield client


async def test_a_completion(sdk: openai.AsyncOpenAI) -> None:
    completion = await sdk.chat.completions.create(model="demo", messages=MESSAGES)
    assert completion.choices[0].message.content == "echo: good morning"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == "demo"
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (4, 3)


async def test_a_stream_with_usage(sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(
        model="demo", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == "echo: good morning"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 7


async def test_a_stream_without_usage(sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(model="demo-tokens-5", messages=MESSAGES, stream=True)
    chunks = [chunk async for chunk in stream]
    assert len(chunks) == 7
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_a_tool_call(sdk: openai.AsyncOpenAI) -> None:
    completion = await sdk.chat.completions.create(model="demo-tools", messages=MESSAGES, tools=[WEATHER])
    calls = completion.choices[0].message.tool_calls or []
    assert completion.choices[0].finish_reason == "tool_calls"
    assert calls[0].type == "function"
    assert calls[0].function.name == "weather"
    assert calls[0].function.arguments == '{"city": "good morning"}'


async def test_a_streamed_tool_call(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.chat.completions.stream(model="demo-tools", messages=MESSAGES, tools=[WEATHER]) as stream:
        completion = await stream.get_final_completion()
    calls = completion.choices[0].message.tool_calls or []
    assert calls[0].function.arguments == '{"city": "good morning"}'


@pytest.mark.parametrize(
    ("model", "error", "code"),
    [
        ("fault-400", openai.BadRequestError, "invalid_type"),
        ("fault-400-context", openai.BadRequestError, "context_length_exceeded"),
        ("fault-400-filter", openai.BadRequestError, "content_filter"),
        ("fault-401", openai.AuthenticationError, "invalid_api_key"),
        ("fault-403", openai.PermissionDeniedError, "permission_denied"),
        ("fault-404-model", openai.NotFoundError, "model_not_found"),
        ("no-such-model", openai.NotFoundError, "model_not_found"),
        ("fault-404", openai.NotFoundError, None),
        ("fault-429-7", openai.RateLimitError, "rate_limit_exceeded"),
        ("fault-429-quota", openai.RateLimitError, "insufficient_quota"),
        ("fault-500", openai.InternalServerError, None),
        ("fault-503", openai.InternalServerError, None),
        ("fault-529", openai.InternalServerError, "overloaded"),
    ],
)
async def test_a_refusal(
    sdk: openai.AsyncOpenAI, model: str, error: type[openai.APIStatusError], code: str | None
) -> None:
    with pytest.raises(error) as raised:
        await sdk.chat.completions.create(model=model, messages=MESSAGES)
    assert raised.value.code == code
    assert raised.value.response.headers.get("retry-after") == ("7" if model == "fault-429-7" else None)


@pytest.mark.parametrize("model", ["fault-reset", "fault-half-body", "fault-broken-stream"])
async def test_a_broken_connection(sdk: openai.AsyncOpenAI, model: str) -> None:
    with pytest.raises(openai.APIConnectionError):
        await sdk.chat.completions.create(model=model, messages=MESSAGES)


async def test_an_error_in_a_stream(sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(model="fault-error-in-stream", messages=MESSAGES, stream=True)
    chunks = aiter(stream)
    texts = [(await anext(chunks)).choices[0].delta.content for _ in range(3)]
    assert texts == ["", "echo: ", "good "]
    with pytest.raises(openai.APIError, match="had an error"):
        await anext(chunks)


async def test_retries_come_through_a_flaky_model(server: RunningModelServer) -> None:
    async with openai.AsyncOpenAI(base_url=server.url, api_key="sk-test", max_retries=1) as sdk:
        await sdk.chat.completions.create(model="flaky-1", messages=MESSAGES)
    assert server.ledger()["by_status"] == {"200": 1, "503": 1}


async def test_the_models(sdk: openai.AsyncOpenAI) -> None:
    models = [model.id async for model in sdk.models.list()]
    assert {"demo", "flaky-<n>", "fault-hang"} <= set(models)
