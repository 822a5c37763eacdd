"""The official OpenAI SDK, unmodified, pointed at the gateway."""

from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio

from tests.support.live import Api, Live


@pytest_asyncio.fixture
async def client(tenant: Api) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=tenant.url + "/v1", api_key=tenant.key) as client:
        yield client


async def test_chat_works(stack: Live, tenant: Api, client: openai.AsyncOpenAI) -> None:
    model = await tenant.add_model("good", stack.model_server_url)

    completion = await client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hello"}])

    assert completion.choices[0].message.content == "echo: hello"
    assert completion.usage is not None
    assert completion.usage.total_tokens > 0


async def test_the_models_can_be_listed(stack: Live, tenant: Api, client: openai.AsyncOpenAI) -> None:
    model = await tenant.add_model("good", stack.model_server_url)

    assert [one.id async for one in client.models.list()] == [model]


async def test_one_model_can_be_retrieved(stack: Live, tenant: Api, client: openai.AsyncOpenAI) -> None:
    model = await tenant.add_model("good", stack.model_server_url, context_window=8192)

    found = await client.models.retrieve(model)

    assert (found.id, found.object) == (model, "model")
    assert found.model_extra is not None
    assert (found.model_extra["context_window"], found.model_extra["price"]) == (8192, None)
    assert found.model_extra["capabilities"]["tools"] is None
    assert found == (await client.models.list()).data[0]


@pytest.mark.parametrize("name", ["custom:nobody", "openai/gpt", "off"])
async def test_a_model_that_cannot_be_called_is_the_sdks_not_found(
    stack: Live, tenant: Api, client: openai.AsyncOpenAI, name: str
) -> None:
    await tenant.add_model("off", stack.model_server_url, is_active=False)

    with pytest.raises(openai.NotFoundError) as caught:
        await client.models.retrieve(name)

    assert isinstance(caught.value.body, dict)
    assert caught.value.body["code"] == "model_not_found"
    assert caught.value.body["tips"]


async def test_an_upstream_401_is_an_sdk_exception_with_our_type_and_tips_and_is_not_the_callers_key(
    stack: Live, tenant: Api, client: openai.AsyncOpenAI
) -> None:
    model = await tenant.add_model("bad", stack.model_server_url, api_key="sk-invalid-key-123")

    with pytest.raises(openai.APIStatusError) as caught:
        await client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hello"}])

    assert not isinstance(caught.value, openai.AuthenticationError)
    assert caught.value.status_code == 424
    body = caught.value.body
    assert isinstance(body, dict)
    assert body["code"] == "authentication_failed"
    assert body["tips"]
    assert body["inference_id"]
    assert (await tenant.monitoring(total=1))["requests"]["total"] == 1  # the SDK did not repeat it


async def test_the_callers_own_bad_key_is_the_sdks_authentication_error(stack: Live) -> None:
    async with openai.AsyncOpenAI(base_url=stack.gateway_url + "/v1", api_key="wrong") as client:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "hello"}])


async def test_tools_and_a_rate_limit_arrive_as_the_sdk_knows_them(
    stack: Live, tenant: Api, client: openai.AsyncOpenAI
) -> None:
    tools = await tenant.add_model("tools", stack.model_server_url, "demo-tools")
    limited = await tenant.add_model("limited", stack.model_server_url, "fault-429-60")

    completion = await client.chat.completions.create(
        model=tools,
        messages=[{"role": "user", "content": "weather?"}],
        tools=[{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
    )
    assert completion.choices[0].message.tool_calls

    with pytest.raises(openai.RateLimitError) as caught:
        await client.with_options(max_retries=0).chat.completions.create(
            model=limited, messages=[{"role": "user", "content": "hello"}]
        )
    assert caught.value.response.headers["retry-after"] == "60"
