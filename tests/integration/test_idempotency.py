"""Idempotency-Key: one key, one inference, one answer, whoever asks and whoever dies."""

import asyncio
import signal
import uuid
from typing import Any

import aiohttp
import pytest

from shared.client import Answer
from tests.support.live import Api, Live

CODEBASE = "/api/codebase/chat"


def keyed(key: str | None = None) -> dict[str, str]:
    return {"idempotency-key": key or str(uuid.uuid4())}


def inference_of(answer: Answer) -> str:
    return answer.headers["x-tallygate-inference-id"]


async def calls_of(stack: Live, tenant: Api, inference_id: str) -> int:
    timeline = await tenant.settled(inference_id)
    return (await stack.model_server.calls_of({one["attempt_id"] for one in timeline["attempts"]})).total()


async def requests_of(tenant: Api) -> int:
    total: int = (await tenant.monitoring(total=1))["requests"]["total"]
    return total


async def test_two_at_once_are_one_inference_and_one_call(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("slow", stack.model_server_url, "demo-delay-700")
    headers = keyed()

    one, two = await asyncio.gather(*(tenant.chat(model, headers=headers) for _ in range(2)))

    assert (one.status, two.status) == (200, 200)
    assert one.body == two.body
    assert inference_of(one) == inference_of(two)
    assert one.headers["x-tallygate-attempts"] == two.headers["x-tallygate-attempts"] == "1"
    assert sorted(answer.headers.get("idempotency-replayed", "") for answer in (one, two)) == ["", "true"]
    assert await calls_of(stack, tenant, inference_of(one)) == 1
    assert await requests_of(tenant) == 1


async def test_many_at_once_are_one_inference(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("quick", stack.model_server_url)
    headers = keyed()

    answers = await asyncio.gather(*(tenant.chat(model, headers=headers) for _ in range(20)))

    assert {answer.status for answer in answers} == {200}
    assert len({inference_of(answer) for answer in answers}) == 1
    assert await calls_of(stack, tenant, inference_of(answers[0])) == 1
    assert await requests_of(tenant) == 1


async def test_a_repeat_gets_the_answer_of_the_first(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("quick", stack.model_server_url)
    headers = keyed()
    first = await tenant.chat(model, headers=headers)

    repeat = await tenant.chat(model, headers=headers)
    other = await tenant.chat(model, headers=keyed())

    assert "idempotency-replayed" not in first.headers
    assert repeat.headers["idempotency-replayed"] == "true"
    assert (repeat.body, inference_of(repeat)) == (first.body, inference_of(first))
    assert repeat.headers["x-tallygate-model"] == model
    assert inference_of(other) != inference_of(first)


async def test_a_failure_is_repeated_too_and_is_not_worth_retrying(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("broken", stack.model_server_url, "fault-503", timeout_s=2)
    headers = keyed()
    first = await tenant.chat(model, headers=headers)

    repeat = await tenant.chat(model, headers=headers)

    assert first.status == repeat.status == 503
    assert first.body == repeat.body
    assert (first.headers["x-should-retry"], repeat.headers["x-should-retry"]) == ("true", "false")
    assert repeat.headers["idempotency-replayed"] == "true"
    assert await requests_of(tenant) == 1


async def test_another_body_is_refused(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("quick", stack.model_server_url)
    headers = keyed()
    await tenant.chat(model, "one", headers=headers)

    answer = await tenant.chat(model, "two", headers=headers)

    assert answer.status == 422
    assert answer.body["error"]["code"] == "invalid_request"
    assert "another body" in answer.body["error"]["message"]
    assert answer.body["error"]["tips"]
    assert await requests_of(tenant) == 1


@pytest.mark.parametrize("key", ["x" * 256, "h\u00e9", ""])
async def test_a_key_that_is_none_is_refused(stack: Live, tenant: Api, key: str) -> None:
    model = await tenant.add_model("quick", stack.model_server_url)

    answer = await tenant.chat(model, headers={"idempotency-key": key})

    assert answer.status == 400
    assert answer.body["error"]["param"] == "idempotency-key"


async def test_a_key_is_the_tenants_own(stack: Live, tenant: Api) -> None:
    stranger = await stack.new_tenant()
    headers = keyed()
    answers = []
    for api in (tenant, stranger):
        await api.add_model("quick", stack.model_server_url)
        answers.append(await api.chat("custom:quick", headers=headers))

    assert inference_of(answers[0]) != inference_of(answers[1])


async def test_a_question_about_a_codebase_is_answered_and_remembered_once(stack: Live, tenant: Api) -> None:
    await tenant.add_model("quick", stack.model_server_url)
    headers = keyed()
    asked: dict[str, Any] = {"message": "what is this?", "files": ["README.md"]}

    first = await tenant.post(CODEBASE, asked, headers=headers)
    repeat = await tenant.post(CODEBASE, asked, headers=headers)

    assert first.status == 200
    assert first.body == repeat.body
    history = await tenant.get(f"{CODEBASE}?sessionId={first.body['sessionId']}")
    assert [one["role"] for one in history.body["messages"]] == ["user", "assistant"]


async def test_a_test_of_a_model_is_made_once(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("tested", stack.model_server_url)
    headers = keyed()

    answers = [await tenant.post(f"/api/models/custom/{model}/test", {}, headers=headers) for _ in range(2)]

    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["inference_id"] for answer in answers}) == 1
    assert await requests_of(tenant) == 1


async def test_the_gateway_is_killed_and_the_repeat_gets_the_same_inference(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("slow", stack.model_server_url, "demo-delay-1500")
    headers, come = keyed(), await stack.model_server.come("demo-delay")
    lost = asyncio.create_task(tenant.chat(model, headers=headers))
    await stack.model_server.until_come("demo-delay", come + 1)

    stack.stack.signal_program("gateway", signal.SIGKILL)
    with pytest.raises(aiohttp.ClientError):
        await lost
    await asyncio.to_thread(stack.stack.wait_ready, "gateway")
    repeat = await tenant.chat(model, headers=headers)
    again = await tenant.chat(model, headers=headers)

    assert repeat.status == 200, repeat
    assert repeat.headers["idempotency-replayed"] == "true"
    assert (again.body, inference_of(again)) == (repeat.body, inference_of(repeat))
    assert await calls_of(stack, tenant, inference_of(repeat)) == 1
    assert await requests_of(tenant) == 1
