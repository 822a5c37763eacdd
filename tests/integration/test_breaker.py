"""One bad or slow endpoint takes nothing else down."""

import asyncio
from typing import Any

from tests.support.live import Api, Live


async def test_a_model_that_keeps_failing_is_paused_and_the_others_do_not_notice(stack: Live, tenant: Api) -> None:
    broken = await tenant.add_model("broken", stack.model_server_url, "fault-not-json")
    good = await tenant.add_model("good", stack.model_server_url)
    for _ in range(20):
        assert (await tenant.chat(broken)).body["error"]["code"] == "bad_response"

    refused = await tenant.chat(broken)

    assert refused.status == 503
    error = refused.body["error"]
    assert error["code"] == "circuit_open"
    assert "bad_response" in error["message"]
    assert int(refused.headers["retry-after"]) >= 1
    summary = await tenant.monitoring(total=21)
    assert summary["attempts"]["failed"] == 20  # the paused model was not called
    assert summary["requests"]["by_error_type"] == {"bad_response": 20, "circuit_open": 1}
    assert (await tenant.chat(good)).status == 200
    passed_over: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        while not passed_over:
            await tenant.chat(broken)  # should its pause have ended, this is the probe that begins another
            passed_over = await _passed_over(tenant, good)
    assert [one["model"] for one in passed_over] == [broken]
    assert "failed in a row" in passed_over[0]["reason"]


async def _passed_over(tenant: Api, answers: str) -> list[dict[str, Any]]:
    """By a request that names no model."""
    fallen_back = await tenant.chat(None)
    assert fallen_back.headers["x-tallygate-model"] == answers
    timeline = await tenant.settled(fallen_back.headers["x-tallygate-inference-id"])
    return [one for one in timeline["candidates"] if not one["chosen"]]


async def test_a_paused_model_comes_back_by_a_probe(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("mended", stack.model_server_url, "fault-not-json")
    for _ in range(20):
        await tenant.chat(model)
    assert (await tenant.chat(model)).body["error"]["code"] == "circuit_open"
    await tenant.call("PATCH", f"/api/models/custom/{model}", {"config": {"model": "demo"}})

    async with asyncio.timeout(60):
        while (await tenant.chat(model)).status != 200:  # noqa: ASYNC110 - polled like a caller would
            await asyncio.sleep(0.5)


async def test_who_finds_a_model_at_its_limit_waits_and_the_rest_goes_on(stack: Live, tenant: Api) -> None:
    slow = await tenant.add_model("slow", stack.model_server_url, "demo-delay-2000", max_concurrency=2)
    good = await tenant.add_model("good", stack.model_server_url)
    come = await stack.model_server.come("demo-delay")
    busy = [asyncio.create_task(tenant.chat(slow)) for _ in range(2)]
    await stack.model_server.until_come("demo-delay", come + 2)

    waits = asyncio.create_task(tenant.chat(slow))
    late = await tenant.chat(slow, headers={"x-tallygate-deadline-s": "1"})

    assert (late.status, late.body["error"]["code"]) == (503, "model_at_capacity")
    assert "max_concurrency, 2" in late.body["error"]["message"]
    assert (await tenant.chat(good)).status == 200
    assert [answer.status for answer in await asyncio.gather(*busy, waits)] == [200] * 3


async def test_a_request_that_names_no_model_goes_to_one_that_is_free(stack: Live, tenant: Api) -> None:
    slow = await tenant.add_model("slow", stack.model_server_url, "demo-delay-2000", max_concurrency=1)
    good = await tenant.add_model("good", stack.model_server_url)
    come = await stack.model_server.come("demo-delay")
    busy = asyncio.create_task(tenant.chat(slow))
    await stack.model_server.until_come("demo-delay", come + 1)
    assert (await tenant.chat(None)).headers["x-tallygate-model"] == good
    assert (await busy).status == 200
