"""The official OpenAI SDK and LangChain's, unmodified: streams with tools, structured output and usage, and those that
break."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import pytest
import pytest_asyncio
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam
from pydantic import BaseModel, SecretStr

from tests.support.live import Api, Live

if TYPE_CHECKING:
    from langchain_core.messages import AIMessageChunk
    from langchain_openai import ChatOpenAI

QUESTION = "say this word by word"
ANSWER = f"echo: {QUESTION}"
MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": QUESTION}]
_STREAM_PY = Path(__file__).parents[2] / "examples" / "stream.py"


class Trip(BaseModel):
    """A trip that somebody wants to make."""

    city: str
    days: int


PLANNED = Trip(city="Bern", days=3)


@pytest_asyncio.fixture
async def client(tenant: Api) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=tenant.url + "/v1", api_key=tenant.key, max_retries=0) as client:
        yield client


def chat_model(tenant: Api, model: str) -> "ChatOpenAI":
    # Not at the top: it takes seconds, in every process that only collects the tests.
    from langchain_openai import ChatOpenAI

    assert tenant.key is not None
    key = SecretStr(tenant.key)
    return ChatOpenAI(base_url=tenant.url + "/v1", api_key=key, model=model, stream_usage=True, max_retries=0)


def joined(chunks: list[Any]) -> "AIMessageChunk":
    whole: AIMessageChunk = sum(chunks[1:], chunks[0])
    return whole


async def scripted(stack: Live, tenant: Api, text: str) -> str:
    """A model that answers with this text."""
    url = stack.model_server_url.removesuffix("/v1") + "/scripts/structured"
    async with stack.session.put(url, json={"answers": [{"text": text}]}) as response:
        assert response.status == 200
    return await tenant.add_model("scripted", stack.model_server_url, "script-structured")


async def test_openai_streams_with_usage(stack: Live, tenant: Api, client: openai.AsyncOpenAI) -> None:
    model = await tenant.add_model("good", stack.model_server_url)

    stream = await client.chat.completions.create(
        model=model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]

    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == ANSWER
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (5, 6)
    inference_id = stream.response.headers["x-tallygate-inference-id"]
    assert (await tenant.settled(inference_id))["state"] == "completed"


async def test_openai_collects_the_tool_calls_of_a_stream(stack: Live, tenant: Api, client: openai.AsyncOpenAI) -> None:
    model = await tenant.add_model("tools", stack.model_server_url, "demo-tools-2")

    async with client.chat.completions.stream(
        model=model, messages=MESSAGES, tools=[openai.pydantic_function_tool(Trip)]
    ) as stream:
        completion = await stream.get_final_completion()

    calls = completion.choices[0].message.tool_calls or []
    assert [call.function.parsed_arguments for call in calls] == [Trip(city=QUESTION, days=1)] * 2
    assert completion.choices[0].finish_reason == "tool_calls"


async def test_openai_parses_structured_output_of_a_stream(
    stack: Live, tenant: Api, client: openai.AsyncOpenAI
) -> None:
    model = await scripted(stack, tenant, PLANNED.model_dump_json())

    async with client.chat.completions.stream(model=model, messages=MESSAGES, response_format=Trip) as stream:
        completion = await stream.get_final_completion()

    assert completion.choices[0].message.parsed == PLANNED


@pytest.mark.parametrize("behaviour", ["fault-stream-reset-mid", "fault-stream-error-529"])
async def test_openai_raises_our_error_for_a_stream_that_breaks(
    stack: Live, tenant: Api, client: openai.AsyncOpenAI, behaviour: str
) -> None:
    model = await tenant.add_model("broken", stack.model_server_url, behaviour)
    stream = await client.chat.completions.create(model=model, messages=MESSAGES, stream=True)
    chunks: list[ChatCompletionChunk] = []

    with pytest.raises(openai.APIError) as caught:
        await _collect(stream, chunks)

    assert caught.value.code == ("overloaded" if behaviour.endswith("529") else "stream_broken")
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text
    assert ANSWER.startswith(text)


async def _collect(stream: AsyncIterator[ChatCompletionChunk], chunks: list[ChatCompletionChunk]) -> None:
    async for chunk in stream:
        chunks.append(chunk)  # noqa: PERF401 - those before an error count as well


async def test_langchain_streams_with_usage(stack: Live, tenant: Api) -> None:
    model = chat_model(tenant, await tenant.add_model("good", stack.model_server_url))

    chunks = [chunk async for chunk in model.astream(QUESTION)]

    whole = joined(chunks)
    assert len(chunks) > 3
    assert whole.content == ANSWER
    assert whole.usage_metadata is not None
    assert (whole.usage_metadata["input_tokens"], whole.usage_metadata["output_tokens"]) == (5, 6)
    assert whole.response_metadata["finish_reason"] == "stop"


async def test_langchain_collects_the_tool_calls_of_a_stream(stack: Live, tenant: Api) -> None:
    model = chat_model(tenant, await tenant.add_model("tools", stack.model_server_url, "demo-tools"))

    chunks = [chunk async for chunk in model.bind_tools([Trip]).astream(QUESTION)]

    [call] = joined(chunks).tool_calls
    assert (call["name"], call["args"]) == ("Trip", {"city": QUESTION, "days": 1})


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # LangChain's own, of what it has parsed
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_langchain_parses_structured_output_streamed_or_not(stack: Live, tenant: Api, method: str) -> None:
    if method == "json_schema":
        expected, name = PLANNED, await scripted(stack, tenant, PLANNED.model_dump_json())
    else:
        expected = Trip(city=QUESTION, days=1)
        name = await tenant.add_model("tools", stack.model_server_url, "demo-tools")
    planner = chat_model(tenant, name).with_structured_output(Trip, method=method)  # type: ignore[arg-type]

    assert [found async for found in planner.astream(QUESTION)][-1] == expected
    assert await planner.ainvoke(QUESTION) == expected


async def test_langchain_raises_for_a_stream_that_breaks(stack: Live, tenant: Api) -> None:
    model = chat_model(tenant, await tenant.add_model("broken", stack.model_server_url, "fault-error-in-stream"))

    with pytest.raises(openai.APIError) as caught:
        async for _ in model.astream(QUESTION):
            pass

    assert caught.value.code == "server_error"


async def test_the_example_shows_the_answer_and_its_tokens_or_the_error(stack: Live, tenant: Api) -> None:
    good = await tenant.add_model("good", stack.model_server_url)
    broken = await tenant.add_model("broken", stack.model_server_url, "fault-stream-error-529")

    shown, failed = [await _example(tenant, model) for model in (good, broken)]

    assert shown == (0, f"{ANSWER}\n6 tokens\n", "")
    status, out, err = failed
    assert (status, ANSWER.startswith(out.strip())) == (1, True)
    assert err.strip().startswith("overloaded: ")


async def _example(tenant: Api, model: str) -> tuple[int | None, str, str]:
    environment = {"TALLYGATE_URL": tenant.url, "TALLYGATE_API_KEY": str(tenant.key)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(_STREAM_PY), model, QUESTION, env=environment, stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()
