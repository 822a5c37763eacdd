"""What each client is asked to do. It runs in the environment of the clients and knows nothing of this project:

    python calls.py < {"url": ..., "key": ..., "models": {"openai": id, "anthropic": id, ...}, "embeddings": id}

Each case prints one line of JSON: client, surface, kind of endpoint, mode, and why it failed, or null.
"""

import asyncio
import json
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import redirect_stdout
from typing import Any, NamedTuple

import anthropic
import litellm
import openai
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

QUESTION = "say this word by word"
ANSWER = f"echo: {QUESTION}"
THOUGHT = "Let me think about that."
MESSAGES: list[Any] = [{"role": "user", "content": QUESTION}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class Trip(BaseModel):
    """A trip that somebody wants to make."""

    city: str
    days: int


class Where(NamedTuple):
    """models: of one kind of endpoint, by what they do."""

    url: str
    key: str
    models: dict[str, str]
    embeddings: str

    @property
    def v1(self) -> str:
        return self.url + "/v1"


Call = Callable[[Where], Any]
CASES: list[tuple[str, str, str, Call]] = []  # client, surface, mode


def case(client: str, surface: str, mode: str) -> Callable[[Call], Call]:
    def add(call: Call) -> Call:
        CASES.append((client, surface, mode, call))
        return call

    return add


def same(got: object, wanted: object) -> None:
    if got != wanted:
        raise AssertionError(f"{got!r} in place of {wanted!r}")


# openai


def _openai(where: Where) -> openai.OpenAI:
    return openai.OpenAI(base_url=where.v1, api_key=where.key, max_retries=0)


@case("openai", "chat", "plain")
def openai_chat(where: Where) -> None:
    answer = _openai(where).chat.completions.create(model=where.models["demo"], messages=MESSAGES)
    same(answer.choices[0].message.content, ANSWER)


@case("openai", "chat", "streamed")
def openai_chat_streamed(where: Where) -> None:
    stream = _openai(where).chat.completions.create(model=where.models["demo"], messages=MESSAGES, stream=True)
    same("".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices), ANSWER)


@case("openai, async", "chat", "streamed")
async def openai_async(where: Where) -> None:
    async with openai.AsyncOpenAI(base_url=where.v1, api_key=where.key, max_retries=0) as client:
        answer = await client.chat.completions.create(model=where.models["demo"], messages=MESSAGES)
        same(answer.choices[0].message.content, ANSWER)
        stream = await client.chat.completions.create(model=where.models["demo"], messages=MESSAGES, stream=True)
        same("".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]), ANSWER)


@case("openai", "chat", "tools")
def openai_tools(where: Where) -> None:
    tools = [openai.pydantic_function_tool(Trip)]
    with _openai(where).chat.completions.stream(model=where.models["tools"], messages=MESSAGES, tools=tools) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls or []
    same([call.function.parsed_arguments for call in calls], [Trip(city=QUESTION, days=1)] * 2)


@case("openai", "chat", "structured")
def openai_structured(where: Where) -> None:
    answer = _openai(where).chat.completions.parse(model=where.models["trip"], messages=MESSAGES, response_format=Trip)
    same(answer.choices[0].message.parsed, Trip(city="Bern", days=3))


@case("openai", "responses", "plain")
def openai_response(where: Where) -> None:
    same(_openai(where).responses.create(model=where.models["demo"], input=QUESTION).output_text, ANSWER)


@case("openai", "responses", "streamed")
def openai_response_streamed(where: Where) -> None:
    with _openai(where).responses.stream(model=where.models["demo"], input=QUESTION) as stream:
        same("".join(event.delta for event in stream if event.type == "response.output_text.delta"), ANSWER)


@case("openai", "responses", "tools")
def openai_response_tools(where: Where) -> None:
    tools: Any = [openai.pydantic_function_tool(Trip)["function"] | {"type": "function"}]
    answer = _openai(where).responses.create(model=where.models["tools"], input=QUESTION, tools=tools)
    calls = [json.loads(item.arguments) for item in answer.output if item.type == "function_call"]
    same(calls, [{"city": QUESTION, "days": 1}] * 2)


@case("openai", "responses", "structured")
def openai_response_structured(where: Where) -> None:
    answer = _openai(where).responses.parse(model=where.models["trip"], input=QUESTION, text_format=Trip)
    same(answer.output_parsed, Trip(city="Bern", days=3))


@case("openai, async", "responses", "streamed")
async def openai_response_async(where: Where) -> None:
    async with openai.AsyncOpenAI(base_url=where.v1, api_key=where.key, max_retries=0) as client:
        answer = await client.responses.create(model=where.models["demo"], input=QUESTION)
        same(answer.output_text, ANSWER)
        async with client.responses.stream(model=where.models["demo"], input=QUESTION) as stream:
            same((await stream.get_final_response()).output_text, ANSWER)


@case("openai", "completions", "plain")
def openai_text(where: Where) -> None:
    answer = _openai(where).completions.create(model=where.models["demo"], prompt=QUESTION, max_tokens=99)
    same(answer.choices[0].text, ANSWER)


@case("openai", "completions", "streamed")
def openai_text_streamed(where: Where) -> None:
    stream = _openai(where).completions.create(model=where.models["demo"], prompt=QUESTION, max_tokens=99, stream=True)
    same("".join(chunk.choices[0].text for chunk in stream if chunk.choices), ANSWER)


@case("openai", "embeddings", "plain")
def openai_embeddings(where: Where) -> None:
    answer = _openai(where).embeddings.create(model=where.embeddings, input=["one", "two"])
    same(([entry.index for entry in answer.data], len(answer.data[0].embedding) > 0), ([0, 1], True))


# anthropic


def _anthropic(where: Where) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=where.url, api_key=where.key, max_retries=0)


def _text(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@case("anthropic", "messages", "plain")
def anthropic_message(where: Where) -> None:
    answer = _anthropic(where).messages.create(model=where.models["demo"], messages=MESSAGES, max_tokens=99)
    same(_text(answer), ANSWER)


@case("anthropic", "messages", "streamed")
def anthropic_streamed(where: Where) -> None:
    with _anthropic(where).messages.stream(model=where.models["demo"], messages=MESSAGES, max_tokens=99) as stream:
        same("".join(stream.text_stream), ANSWER)


@case("anthropic, async", "messages", "streamed")
async def anthropic_async(where: Where) -> None:
    client = anthropic.AsyncAnthropic(base_url=where.url, api_key=where.key, max_retries=0)
    asked = {"model": where.models["demo"], "messages": MESSAGES, "max_tokens": 99}
    async with client, client.messages.stream(**asked) as stream:
        same(_text(await stream.get_final_message()), ANSWER)


@case("anthropic", "messages", "tools")
def anthropic_tools(where: Where) -> None:
    tools: Any = [{"name": "plan", "description": "Plans.", "input_schema": SCHEMA}]
    with _anthropic(where).messages.stream(
        model=where.models["tools"], messages=MESSAGES, max_tokens=99, tools=tools
    ) as stream:
        message = stream.get_final_message()
    same([block.name for block in message.content if block.type == "tool_use"], ["plan", "plan"])
    same(message.stop_reason, "tool_use")


def _thoughts(message: Any) -> str:
    return "".join(block.thinking for block in message.content if block.type == "thinking")


@case("anthropic", "messages", "thinking")
def anthropic_thinking(where: Where) -> None:
    """What was thought goes back with the next question, as the SDK gave it."""
    asked: Any = {
        "model": where.models["thinks"], "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 1024}
    }  # fmt: skip
    answer = _anthropic(where).messages.create(messages=MESSAGES, **asked)
    same((_thoughts(answer), _text(answer)), (THOUGHT, ANSWER))
    turns: Any = [*MESSAGES, {"role": "assistant", "content": answer.content}, *MESSAGES]
    with _anthropic(where).messages.stream(messages=turns, **asked) as stream:
        again = stream.get_final_message()
    same((_thoughts(again), _text(again)), (THOUGHT, ANSWER))


@case("anthropic", "count_tokens", "plain")
def anthropic_count(where: Where) -> None:
    counted = _anthropic(where).messages.count_tokens(model=where.models["demo"], messages=MESSAGES)
    same(counted.input_tokens > 0, True)


# langchain


def _langchain_openai(where: Where, does: str = "demo", **more: Any) -> ChatOpenAI:
    return ChatOpenAI(base_url=where.v1, api_key=where.key, model=where.models[does], max_retries=0, **more)


def _langchain_anthropic(where: Where, does: str = "demo") -> ChatAnthropic:
    return ChatAnthropic(base_url=where.url, api_key=where.key, model=where.models[does], max_retries=0)


def _calls_of_trips(message: Any) -> None:
    same([(call["name"], call["args"].get("city")) for call in message.tool_calls], [("Trip", QUESTION)] * 2)


@case("langchain-openai", "chat", "plain")
def langchain_chat(where: Where) -> None:
    same(_langchain_openai(where).invoke(QUESTION).text, ANSWER)


@case("langchain-openai", "chat", "streamed")
def langchain_chat_streamed(where: Where) -> None:
    same("".join(chunk.text for chunk in _langchain_openai(where).stream(QUESTION)), ANSWER)


@case("langchain-openai", "chat", "tools")
def langchain_tools(where: Where) -> None:
    _calls_of_trips(_langchain_openai(where, "tools").bind_tools([Trip]).invoke(QUESTION))


@case("langchain-openai", "chat", "structured")
def langchain_structured(where: Where) -> None:
    planner = _langchain_openai(where, "trip").with_structured_output(Trip, method="json_schema")
    same(planner.invoke(QUESTION), Trip(city="Bern", days=3))


@case("langchain-openai", "responses", "plain")
def langchain_response(where: Where) -> None:
    same(_langchain_openai(where, use_responses_api=True).invoke(QUESTION).text, ANSWER)


@case("langchain-openai", "responses", "streamed")
def langchain_response_streamed(where: Where) -> None:
    chunks = _langchain_openai(where, use_responses_api=True).stream(QUESTION)
    same("".join(chunk.text for chunk in chunks), ANSWER)


@case("langchain-openai", "embeddings", "plain")
def langchain_embeddings(where: Where) -> None:
    embedder = OpenAIEmbeddings(
        base_url=where.v1, api_key=where.key, model=where.embeddings, check_embedding_ctx_length=False
    )
    same(len(embedder.embed_documents(["one", "two"])), 2)


@case("langchain-anthropic", "messages", "plain")
def langchain_message(where: Where) -> None:
    same(_langchain_anthropic(where).invoke(QUESTION).text, ANSWER)


@case("langchain-anthropic", "messages", "streamed")
def langchain_message_streamed(where: Where) -> None:
    same("".join(chunk.text for chunk in _langchain_anthropic(where).stream(QUESTION)), ANSWER)


@case("langchain-anthropic", "messages", "tools")
def langchain_message_tools(where: Where) -> None:
    _calls_of_trips(_langchain_anthropic(where, "tools").bind_tools([Trip]).invoke(QUESTION))


# litellm


def _litellm(where: Where, dialect: str, does: str = "demo", **more: Any) -> Any:
    base = where.v1 if dialect == "openai" else where.url
    return litellm.completion(
        model=f"{dialect}/{where.models[does]}", messages=MESSAGES, api_base=base, api_key=where.key,
        max_tokens=99, num_retries=0, **more,
    )  # fmt: skip


@case("litellm", "chat", "plain")
def litellm_chat(where: Where) -> None:
    same(_litellm(where, "openai").choices[0].message.content, ANSWER)


@case("litellm", "chat", "streamed")
def litellm_chat_streamed(where: Where) -> None:
    chunks = _litellm(where, "openai", stream=True)
    same("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices), ANSWER)


@case("litellm", "messages", "plain")
def litellm_message(where: Where) -> None:
    same(_litellm(where, "anthropic").choices[0].message.content, ANSWER)


@case("litellm", "messages", "streamed")
def litellm_message_streamed(where: Where) -> None:
    chunks = _litellm(where, "anthropic", stream=True)
    same("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices), ANSWER)


def _litellm_tools(dialect: str) -> Call:
    def call(where: Where) -> None:
        tools = [openai.pydantic_function_tool(Trip)]
        calls = _litellm(where, dialect, "tools", tools=tools).choices[0].message.tool_calls
        same([json.loads(call.function.arguments)["city"] for call in calls], [QUESTION] * 2)

    return call


case("litellm", "chat", "tools")(_litellm_tools("openai"))
case("litellm", "messages", "tools")(_litellm_tools("anthropic"))


@case("litellm", "embeddings", "plain")
def litellm_embeddings(where: Where) -> None:
    answer = litellm.embedding(
        model=f"openai/{where.embeddings}", input=["one", "two"], api_base=where.v1, api_key=where.key
    )
    same(len(answer.data), 2)


# pydantic-ai


async def _agent(model: Any, mode: str) -> None:
    if mode == "structured":  # by the tool that it makes of the type
        planner: Agent[None, Trip] = Agent(model, output_type=Trip)
        same((await planner.run(QUESTION)).output, Trip(city=QUESTION, days=1))
        return
    agent: Agent[None, str] = Agent(model)
    if mode == "plain":
        same((await agent.run(QUESTION)).output, ANSWER)
        return
    async with agent.run_stream(QUESTION) as streamed:
        same("".join([text async for text in streamed.stream_text(delta=True)]), ANSWER)


def _pydantic_ai(surface: str, mode: str) -> None:
    @case("pydantic-ai", surface, mode)
    def run(where: Where) -> Coroutine[Any, Any, None]:
        name = where.models["tools" if mode == "structured" else "demo"]
        if surface == "messages":
            client = anthropic.AsyncAnthropic(base_url=where.url, api_key=where.key, max_retries=0)
            return _agent(AnthropicModel(name, provider=AnthropicProvider(anthropic_client=client)), mode)
        provider = OpenAIProvider(base_url=where.v1, api_key=where.key)
        kind = OpenAIChatModel if surface == "chat" else OpenAIResponsesModel
        return _agent(kind(name, provider=provider), mode)


for _surface in ("chat", "responses", "messages"):
    for _mode in ("plain", "streamed", "structured"):
        _pydantic_ai(_surface, _mode)


def _run(call: Call, where: Where) -> str | None:
    """Why it failed."""
    try:
        returned = call(where)
        if asyncio.iscoroutine(returned):
            asyncio.run(asyncio.wait_for(returned, 60))
    except Exception as error:  # noqa: BLE001 - whatever a client raises is told
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({place.name}:{place.lineno})"[:600]
    return None


def _lines(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for kind, models in given["models"].items():
        where = Where(given["url"], given["key"], models, given["embeddings"])
        for client, surface, mode, call in CASES:
            if surface == "embeddings" and kind != "openai":
                continue
            yield {"client": client, "surface": surface, "kind": kind, "mode": mode, "failed": _run(call, where)}


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):  # some clients print there
        for line in _lines(json.load(sys.stdin)):
            sys.__stdout__.write(json.dumps(line) + "\n")
            sys.__stdout__.flush()
