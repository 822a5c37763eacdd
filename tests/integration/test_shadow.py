"""A model on trial gets copies of requests; what was really called is the endpoints' word."""

import asyncio
from typing import Any
from uuid import UUID

from services.gateway.inference.shadows import shadow_id
from tests.support.live import SETTLE_S, Api, Live

_PRICE = {"input_per_mtok_usd": 3.0, "output_per_mtok_usd": 15.0}


async def compared(tenant: Api, pairs: int) -> dict[str, Any]:
    """The one group, once so many pairs have ended."""
    deadline = asyncio.get_running_loop().time() + SETTLE_S
    while True:
        answer = await tenant.get("/api/monitoring/shadows?window=1h")
        assert answer.status == 200, answer
        groups = answer.body["groups"]
        if groups and groups[0]["pairs"] >= pairs:
            [group] = groups
            found: dict[str, Any] = group
            return found
        assert asyncio.get_running_loop().time() < deadline, answer.body
        await asyncio.sleep(0.05)


async def calls_of(stack: Live, timelines: list[dict[str, Any]]) -> int:
    attempts = {attempt["attempt_id"] for timeline in timelines for attempt in timeline["attempts"]}
    return (await stack.model_server.calls_of(attempts)).total()


async def test_copies_are_called_booked_apart_and_compared(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("old", stack.model_server_url, price=_PRICE)
    trial = await tenant.add_model("new", stack.model_server_url, price=_PRICE)
    assert (await tenant.call("PUT", "/api/shadow", {"model": trial, "share": 1.0})).status == 200
    assert (await tenant.get("/api/shadow")).body == {
        "model": trial, "share": 1.0, "usd_per_day": None, "usd_today": None,
    }  # fmt: skip

    answers = await asyncio.gather(*(tenant.chat(model, f"call {n}") for n in range(4)))
    message = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    answers.append(await tenant.post("/v1/messages", message))
    assert {answer.status for answer in answers} == {200}
    assert all(answer.headers["x-tallygate-model"] == model for answer in answers)
    streamed = await tenant.stream.ask(model, "streamed")
    ids = [*(answer.headers["x-tallygate-inference-id"] for answer in answers), streamed.inference_id]
    assert not any("shadow" in f"{answer.headers}{answer.text}" for answer in answers)

    group = await compared(tenant, 6)
    assert (group["model"], group["shadow_model"], group["pairs"]) == (model, trial, 6)
    originals = [await tenant.settled(one) for one in ids]
    copies = [await tenant.settled(str(shadow_id(UUID(one)))) for one in ids]
    assert await calls_of(stack, originals) == await calls_of(stack, copies) == 6
    assert {copy["model_served"] for copy in copies} == {trial}
    for side, timelines in (("original", originals), ("shadow", copies)):
        costs = [attempt["cost_usd"] for timeline in timelines for attempt in timeline["attempts"]]
        assert group[side]["completed"] == 6
        assert [timeline["attempts"][0]["first_chunk_s"] is not None for timeline in timelines] == [False] * 5 + [True]
        assert group[side]["first_chunk_p50_s"] > 0
        assert abs(group[side]["cost_usd"] - sum(costs)) < 1e-9

    summary = await tenant.monitoring(total=6)
    assert (summary["requests"]["total"], set(summary["requests"]["by_model"])) == (6, {model})
    assert summary["attempts"]["total"] == 6
    listed = (await tenant.get("/api/inferences?limit=50")).body["items"]
    assert {item["inference_id"] for item in listed} == set(ids)
    listed = (await tenant.get("/api/inferences?limit=50&key=shadow")).body["items"]
    assert {item["inference_id"] for item in listed} == {str(shadow_id(UUID(one))) for one in ids}

    shown = await stack.command("shadow", "show", "--key", str(tenant.key))
    assert "100 % of your chats" in shown.stdout
    assert (await tenant.call("DELETE", "/api/shadow")).status == 204
    after = (await tenant.chat(model, "not copied")).headers["x-tallygate-inference-id"]
    await tenant.settled(after)
    assert (await tenant.get(f"/api/inferences/{shadow_id(UUID(after))}")).status == 404


async def test_a_model_on_trial_that_fails_is_in_nobodys_way(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("old", stack.model_server_url)
    trial = await tenant.add_model("new", stack.model_server_url, "fault-401")
    assert (await tenant.call("PUT", "/api/shadow", {"model": trial, "share": 1.0})).status == 200
    answers = await asyncio.gather(*(tenant.chat(model, f"call {n}") for n in range(5)))
    assert {answer.status for answer in answers} == {200}
    group = await compared(tenant, 1)
    assert group["original"]["failed"] == 0
    assert group["shadow"]["completed"] == 0
    assert (await tenant.monitoring(total=5))["requests"]["failed"] == 0
    assert (await tenant.call("PUT", "/api/shadow", {"model": "auto", "share": 0.5})).status == 400
    assert (await tenant.call("PUT", "/api/shadow", {"model": "custom:none", "share": 0.5})).status == 404
