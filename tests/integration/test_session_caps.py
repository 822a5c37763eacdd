"""A cap of a session against the running system; what was really called is the endpoint's word."""

import asyncio
from typing import Any

from tests.support.live import SETTLE_S, Api, Live

SESSIONS = "/api/sessions"
_PRICE = {"input_per_mtok_usd": 3.0, "output_per_mtok_usd": 15.0}


async def cap(tenant: Api, session: str, status: int = 201, **amounts: Any) -> dict[str, Any]:
    answer = await tenant.post(SESSIONS, {"session": session, **amounts})
    assert answer.status == status, answer
    body: dict[str, Any] = answer.body
    return body


async def used(tenant: Api, session: str, calls: int) -> dict[str, Any]:
    """What the session is said to have used, once that is so many calls."""
    deadline = asyncio.get_running_loop().time() + SETTLE_S
    while True:
        answer = await tenant.get(f"{SESSIONS}/{session}")
        assert answer.status == 200, answer
        if answer.body["used"]["calls"] >= calls:
            body: dict[str, Any] = answer.body
            return body
        assert asyncio.get_running_loop().time() < deadline, answer.body
        await asyncio.sleep(0.05)


async def called(stack: Live, tenant: Api, inference_ids: list[str]) -> int:
    """How many calls of these inferences the endpoint saw."""
    timelines = [await tenant.settled(inference_id) for inference_id in inference_ids]
    attempts = {attempt["attempt_id"] for timeline in timelines for attempt in timeline["attempts"]}
    return (await stack.model_server.calls_of(attempts)).total()


async def test_a_run_that_has_used_its_cap_is_refused_until_it_is_raised(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("good", stack.model_server_url, price=_PRICE)
    run, other = ({"x-tallygate-session": session} for session in ("run-42", "run-43"))
    assert (await tenant.chat(model, headers=run)).status == 200, "before it is capped"
    fresh = await cap(tenant, "run-42", calls=5, usd=100.0)
    assert (fresh["used"], fresh["used_up"]) == ({"usd": 0.0, "calls": 0, "tokens": 0}, [])

    asked: list[str] = []
    deadline = asyncio.get_running_loop().time() + SETTLE_S
    while (answer := await tenant.chat(model, headers=run)).status == 200:
        asked.append(answer.headers["x-tallygate-inference-id"])
        assert asyncio.get_running_loop().time() < deadline, "never refused"
        await asyncio.sleep(0.1)

    assert len(asked) >= 5, "what is capped may be used"
    error = answer.body["error"]
    assert (answer.status, error["code"]) == (402, "quota_exceeded")
    assert "run-42 has used $0." in error["message"]
    assert " of 5 calls" in error["message"]
    told = await used(tenant, "run-42", len(asked))
    assert told["used"]["calls"] == await called(stack, tenant, asked) == len(asked), "what came before does not count"
    assert told["used_up"] == ["calls"]
    timelines = [await tenant.settled(inference_id) for inference_id in asked]
    usage = [attempt["usage"] for timeline in timelines for attempt in timeline["attempts"]]
    assert told["used"]["tokens"] == sum(one["input_tokens"] + one["output_tokens"] for one in usage)
    costs = [attempt["cost_usd"] for timeline in timelines for attempt in timeline["attempts"]]
    assert abs(told["used"]["usd"] - sum(costs)) < 1e-9

    refused = await tenant.settled(answer.headers["x-tallygate-inference-id"])
    assert (refused["state"], refused["attempts"]) == ("rejected", []), "on record, and not called"
    assert (await tenant.chat(model, headers=other)).status == 200
    stranger = await stack.new_tenant()
    assert (await stranger.get(f"{SESSIONS}/run-42")).status == 404

    await cap(tenant, "run-42", 200, calls=1000)
    assert (await tenant.chat(model, headers=run)).status == 200, "it holds at once where it was set"
    await cap(tenant, "run-42", 200, calls=1)
    assert (await tenant.chat(model, headers=run)).status == 402, "what it has used still counts"
    done = await stack.command("sessions", "uncap", "run-42", "--key", str(tenant.key))
    assert "no cap any more" in done.stdout
    assert (await tenant.chat(model, headers=run)).status == 200


async def test_who_may_only_ask_models_may_not_raise_its_own_cap(stack: Live, tenant: Api) -> None:
    caller = await tenant.get("/api/caller")
    made = await stack.admin.post("/api/keys", {"tenant": caller.body["tenant"], "scopes": ["inference"]})
    agent = stack.api(made.body["key"])
    await cap(tenant, "run-42", calls=0)
    assert (await agent.post(SESSIONS, {"session": "run-42", "calls": 9})).status == 403
    assert (await agent.call("DELETE", f"{SESSIONS}/run-42")).status == 403
    refused = await agent.chat("custom:any", headers={"x-tallygate-session": "run-42"})
    assert refused.status == 402, "a gateway refuses before it reads what is asked"


async def test_a_cap_holds_in_every_gateway(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("good", stack.model_server_url)
    await cap(tenant, "run-42", calls=0)
    async with stack.another_gateway() as there:
        answer = await there.api(tenant.key).chat(model, headers={"x-tallygate-session": "run-42"})
        assert answer.status == 402, answer
