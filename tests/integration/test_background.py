"""Background inferences: accepted with an id, and told by it, whichever gateway is asked and whoever has died."""

import asyncio
import json
import signal
import uuid
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio

from shared.client.requests import INFERENCES, chat_body
from tests.support.live import Api, Live
from tests.support.operations import REQUESTS, STREAMED, path_of, said

_QUESTION = "say this word by word"
_ANSWER = f"echo: {_QUESTION}"


async def begun(api: Api, body: dict[str, Any], **more: Any) -> str:
    answer = await api.post(INFERENCES, body, **more)
    assert answer.status == 202, answer
    assert answer.headers["location"] == f"{INFERENCES}/{answer.body['inference_id']}"
    return str(answer.body["inference_id"])


async def in_flight(stack: Live, calls: int) -> None:
    async with asyncio.timeout(20):
        while (await stack.model_server.ledger(entries=False))["open"] < calls:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def events(stack: Live, api: Api, inference_id: str) -> list[tuple[str, dict[str, Any]]]:
    """All of them, to the end of the stream."""
    headers = {"authorization": f"Bearer {api.key}"}
    async with stack.session.get(f"{api.url}{INFERENCES}/{inference_id}/events", headers=headers) as response:
        assert response.status == 200, await response.text()
        text = await response.text()
    parts = [part.split("\n") for part in text.split("\n\n") if part.startswith("event: ")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in parts]


def text_of(completion: dict[str, Any]) -> str:
    return str(completion["choices"][0]["message"]["content"])


@pytest.mark.timeout(240)
async def test_gateway_and_router_are_killed_and_the_result_is_there(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("model", stack.model_server_url, "fault-hang", timeout_s=60)
    inference_id = await begun(tenant, chat_body(model, _QUESTION))
    await in_flight(stack, 1)

    # Before the kills: however slowly the gateway comes back, the call that is made again finds a model that answers.
    changed = await tenant.call("PATCH", f"/api/models/custom/{model}", {"config": {"model": "demo"}})
    assert changed.status == 200, changed
    stack.stack.signal_program("gateway", signal.SIGKILL)
    stack.stack.signal_program("router", signal.SIGKILL)
    await asyncio.to_thread(stack.stack.wait_ready, "gateway")

    told = await events(stack, tenant, inference_id)
    assert told[-1][0] == "settled"
    assert (told[-1][1]["state"], text_of(told[-1][1]["result"])) == ("completed", _ANSWER)
    timeline = await tenant.settled(inference_id)
    assert (timeline["state"], timeline["delivery"], text_of(timeline["result"])) == ("completed", 2, _ANSWER)
    assert [one["outcome"] for one in timeline["attempts"]] == ["failed", "succeeded"]
    await asyncio.to_thread(stack.stack.wait_ready, "router")


@pytest.mark.parametrize("operation", REQUESTS)
async def test_a_result_is_what_the_operation_answers(stack: Live, tenant: Api, operation: str) -> None:
    model = await tenant.add_model("model", stack.model_server_url)
    asked = REQUESTS[operation] | {"model": model}
    waited = (await tenant.post(path_of(operation), asked)).body
    bodies = [asked, asked | {"stream": True}] if operation in STREAMED else [asked]

    for body in bodies:
        timeline = await tenant.settled(await begun(tenant, {"operation": operation} | body))

        assert timeline["background"] is True
        assert said(timeline["result"]) == said(waited)


async def test_a_failure_is_told_with_its_calls(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("broken", stack.model_server_url, "fault-401")
    inference_id = await begun(tenant, chat_body(model, "hi"))

    timeline = await tenant.settled(inference_id)
    told = await events(stack, tenant, inference_id)

    assert (timeline["state"], timeline["result"]) == ("failed", None)
    assert timeline["error"]["error_type"] == "authentication_failed"
    assert [(name, one["state"]) for name, one in told] == [("state", "running"), ("settled", "failed")]
    assert told[-1][1]["error"]["error_type"] == "authentication_failed"
    assert len(told[-1][1]["error"]["attempts"]) == 1


async def test_chunks_are_followed_from_the_first_while_they_come_and_afterwards(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("slow", stack.model_server_url, "demo-rate-20-count-20")
    inference_id = await begun(tenant, chat_body(model, "hi", stream=True))

    async with stack.another_gateway() as other:
        here, there = await asyncio.gather(
            events(stack, tenant, inference_id), events(stack, other.api(tenant.key), inference_id)
        )
    afterwards = await events(stack, tenant, inference_id)
    whole = text_of((await tenant.settled(inference_id))["result"])

    assert len(whole.split()) == 20
    for told in (here, there, afterwards):
        chunks = [one for name, one in told if name == "chunk"]
        texts = [one["choices"][0]["delta"].get("content") or "" for one in chunks if one["choices"]]
        assert "".join(texts) == whole
        assert (told[-1][0], told[-1][1]["state"]) == ("settled", "completed")


async def test_it_is_cancelled_while_it_is_called(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("hanging", stack.model_server_url, "fault-hang", timeout_s=60)
    inference_id = await begun(tenant, chat_body(model, "hi"))
    following = asyncio.create_task(events(stack, tenant, inference_id))
    await in_flight(stack, 1)

    assert (await tenant.call("DELETE", f"{INFERENCES}/{inference_id}")).status == 202

    assert (await following)[-1][1]["state"] == "cancelled"
    assert (await tenant.settled(inference_id))["state"] == "cancelled"
    assert (await tenant.call("DELETE", f"{INFERENCES}/{inference_id}")).status == 409


async def test_another_tenant_knows_nothing_of_it(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("model", stack.model_server_url)
    inference_id = await begun(tenant, chat_body(model, "hi"))
    await tenant.settled(inference_id)
    stranger = await stack.new_tenant()
    for method, path in (("GET", ""), ("GET", "/events"), ("DELETE", "")):
        assert (await stranger.call(method, f"{INFERENCES}/{inference_id}{path}")).status == 404
    response = f"/v1/responses/resp_{uuid.UUID(inference_id).hex}"
    for method, path in (("GET", ""), ("POST", "/cancel"), ("DELETE", "")):
        assert (await stranger.call(method, response + path)).status == 404


async def test_a_repeat_with_the_key_is_the_same_inference(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("model", stack.model_server_url)
    headers = {"idempotency-key": str(uuid.uuid4())}
    body = chat_body(model, "hi")

    first = await tenant.post(INFERENCES, body, headers=headers)
    repeat = await tenant.post(INFERENCES, body, headers=headers)

    assert (first.status, repeat.status) == (202, 202)
    assert first.body["inference_id"] == repeat.body["inference_id"]
    assert repeat.headers["idempotency-replayed"] == "true"
    assert len((await tenant.settled(first.body["inference_id"]))["attempts"]) == 1


# The official SDK.


@pytest_asyncio.fixture
async def client(tenant: Api) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=tenant.url + "/v1", api_key=tenant.key, max_retries=0) as client:
        yield client


async def test_a_response_is_polled_and_gone_on_from(stack: Live, tenant: Api, client: openai.AsyncOpenAI) -> None:
    model = await tenant.add_model("slow", stack.model_server_url, "demo-delay-500")

    response = await client.responses.create(model=model, input=_QUESTION, background=True, metadata={"a": "b"})
    assert (response.status, response.background, response.output) == ("queued", True, [])
    async with asyncio.timeout(20):
        while response.status in ("queued", "in_progress"):
            await asyncio.sleep(0.05)
            response = await client.responses.retrieve(response.id)

    assert (response.status, response.output_text, response.metadata) == ("completed", _ANSWER, {"a": "b"})
    assert response.usage is not None
    items = await client.responses.input_items.list(response.id)
    assert [item.type for item in items.data] == ["message"]
    await client.responses.create(model=model, input="and?", previous_response_id=response.id)
    await client.responses.delete(response.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(response.id)


async def test_a_response_is_gone_on_from_that_nobody_has_fetched(
    stack: Live, tenant: Api, client: openai.AsyncOpenAI
) -> None:
    model = await tenant.add_model("quick", stack.model_server_url)
    first = await client.responses.create(model=model, input="one", background=True)
    await tenant.settled(str(uuid.UUID(hex=first.id.removeprefix("resp_"))))
    second = await client.responses.create(model=model, input="two", previous_response_id=first.id)
    assert second.usage is not None
    assert second.usage.input_tokens == len(["one", "echo:", "one", "two"])  # the model server counts words


async def test_a_response_is_cancelled(stack: Live, tenant: Api, client: openai.AsyncOpenAI) -> None:
    model = await tenant.add_model("hanging", stack.model_server_url, "fault-hang", timeout_s=60)
    response = await client.responses.create(model=model, input="hi", background=True)
    async with asyncio.timeout(20):
        while response.status != "in_progress":
            await asyncio.sleep(0.05)
            response = await client.responses.retrieve(response.id)

    cancelled = await client.responses.cancel(response.id)
    again = await client.responses.cancel(response.id)

    assert [one.status for one in (cancelled, again, await client.responses.retrieve(response.id))] == ["cancelled"] * 3
    plain = await client.responses.create(model=await tenant.add_model("q", stack.model_server_url), input="hi")
    with pytest.raises(openai.BadRequestError):
        await client.responses.cancel(plain.id)


async def test_a_stream_of_a_response_goes_on_where_it_was_left(
    stack: Live, tenant: Api, client: openai.AsyncOpenAI
) -> None:
    model = await tenant.add_model("slow", stack.model_server_url, "demo-rate-20-count-20")
    stream = await client.responses.create(model=model, input=_QUESTION, background=True, stream=True)
    before = []
    async for event in stream:
        before.append(event)
        if event.type == "response.output_text.delta":
            break
    await stream.close()
    created = before[0]
    assert created.type == "response.created"

    rest = await client.responses.retrieve(created.response.id, stream=True, starting_after=before[-1].sequence_number)
    after = [event async for event in rest]

    told = [*before, *after]
    assert [event.sequence_number for event in told] == list(range(len(told)))
    whole = await client.responses.retrieve(created.response.id)
    assert told[-1].type == "response.completed"
    assert "".join(event.delta for event in told if event.type == "response.output_text.delta") == whole.output_text
