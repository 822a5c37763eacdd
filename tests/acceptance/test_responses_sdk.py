"""The official OpenAI SDK, unmodified, with Responses and with the old text completions, on both kinds of endpoint."""

from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio
from openai.types.responses import FunctionToolParam, Response
from pydantic import BaseModel

from tests.support.live import Api, Live

QUESTION = "say this word by word"
ANSWER = f"echo: {QUESTION}"
KINDS = pytest.mark.parametrize("provider", ["openai-compatible", "anthropic-compatible"])
_TOOL: FunctionToolParam = {
    "type": "function", "name": "plan", "strict": True,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}  # fmt: skip


class Trip(BaseModel):
    """A trip that somebody wants to make."""

    city: str
    days: int


@pytest_asyncio.fixture
async def client(tenant: Api) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=tenant.url + "/v1", api_key=tenant.key, max_retries=0) as client:
        yield client


async def _model(stack: Live, tenant: Api, provider: str, upstream: str = "demo") -> str:
    return await tenant.add_model("responder", stack.model_server_url, upstream, provider=provider)


@KINDS
async def test_a_response_whole_and_streamed(
    stack: Live, tenant: Api, client: openai.AsyncOpenAI, provider: str
) -> None:
    model = await _model(stack, tenant, provider)

    whole = await client.responses.create(model=model, input=QUESTION, metadata={"a": "b"})
    async with client.responses.stream(model=model, input=QUESTION) as stream:
        texts = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        streamed = await stream.get_final_response()

    for response in (whole, streamed):
        assert (response.status, response.output_text) == ("completed", ANSWER)
        assert response.usage is not None
        assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0
    assert "".join(texts) == ANSWER
    assert whole.metadata == {"a": "b"}
    timeline = await tenant.settled(str(_inference(streamed)))
    assert timeline["state"] == "completed"


async def test_a_response_goes_on_from_the_one_before(stack: Live, tenant: Api, client: openai.AsyncOpenAI) -> None:
    model = await _model(stack, tenant, "openai-compatible")
    first = await client.responses.create(model=model, input="one")

    second = await client.responses.create(model=model, input="two", previous_response_id=first.id)

    kept = await client.responses.retrieve(second.id)
    assert (kept.id, kept.output_text, kept.previous_response_id) == (second.id, second.output_text, first.id)
    items = await client.responses.input_items.list(second.id)
    assert [item.type for item in items.data] == ["message"]
    assert second.usage is not None
    assert second.usage.input_tokens == len(f"one {first.output_text} two".split())  # the model server counts words
    await client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError, match="not kept any more"):
        await client.responses.create(model=model, input="three", previous_response_id=second.id)


async def test_what_is_not_to_be_kept_is_not(stack: Live, tenant: Api, client: openai.AsyncOpenAI) -> None:
    model = await _model(stack, tenant, "openai-compatible")
    response = await client.responses.create(model=model, input=QUESTION, store=False)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(response.id)


@KINDS
async def test_calls_of_functions(stack: Live, tenant: Api, client: openai.AsyncOpenAI, provider: str) -> None:
    model = await _model(stack, tenant, provider, "demo-tools-2")

    async with client.responses.stream(model=model, input=QUESTION, tools=[_TOOL]) as stream:
        async for _ in stream:
            pass
        response = await stream.get_final_response()

    calls = [item for item in response.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["plan", "plan"]
    given = [{"type": "function_call_output", "call_id": call.call_id, "output": "done"} for call in calls]
    after = await client.responses.create(
        model=await tenant.add_model("after", stack.model_server_url, provider=provider),
        input=given,  # type: ignore[arg-type]
        tools=[_TOOL],
        previous_response_id=response.id,
    )
    assert after.status == "completed"


async def test_structured_output(stack: Live, tenant: Api, client: openai.AsyncOpenAI) -> None:
    planned = Trip(city="Bern", days=3)
    url = stack.model_server_url.removesuffix("/v1") + "/scripts/responses"
    async with stack.session.put(url, json={"answers": [{"text": planned.model_dump_json()}]}) as response:
        assert response.status == 200
    model = await _model(stack, tenant, "openai-compatible", "script-responses")

    parsed = await client.responses.parse(model=model, input=QUESTION, text_format=Trip)

    assert parsed.output_parsed == planned


async def test_a_stream_that_breaks_is_failed(stack: Live, tenant: Api, client: openai.AsyncOpenAI) -> None:
    model = await _model(stack, tenant, "openai-compatible", "fault-stream-reset-mid")

    stream = await client.responses.create(model=model, input=QUESTION, stream=True)
    events = [event async for event in stream]

    assert events[-1].type == "response.failed"
    assert not any(event.type in ("response.completed", "response.incomplete") for event in events)


async def test_hosted_tools_are_refused_by_name(stack: Live, tenant: Api, client: openai.AsyncOpenAI) -> None:
    model = await _model(stack, tenant, "openai-compatible")
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.create(model=model, input=QUESTION, tools=[{"type": "web_search"}])
    assert caught.value.param == "tools[0].type"


@KINDS
async def test_old_text_completions(stack: Live, tenant: Api, client: openai.AsyncOpenAI, provider: str) -> None:
    model = await _model(stack, tenant, provider)

    whole = await client.completions.create(model=model, prompt=QUESTION, max_tokens=100)
    stream = await client.completions.create(model=model, prompt=QUESTION, max_tokens=100, stream=True)
    texts = [chunk.choices[0].text async for chunk in stream if chunk.choices]

    assert (whole.object, whole.choices[0].text, whole.choices[0].finish_reason) == ("text_completion", ANSWER, "stop")
    assert "".join(texts) == ANSWER
    with pytest.raises(openai.BadRequestError) as caught:
        await client.completions.create(model=model, prompt=QUESTION, suffix="end")
    assert caught.value.param == "suffix"


def _inference(response: Response) -> str:
    digits = response.id.removeprefix("resp_")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
