"""Lanes, and a model's max_concurrency over two routers, by what the endpoint itself counted."""

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
import pytest_asyncio

from shared.client import Answer
from shared.client.requests import INFERENCES, chat_body
from tests.integration.test_recovery import in_flight
from tests.support.live import Api, Live

pytestmark = pytest.mark.timeout(150)


@pytest_asyncio.fixture
async def second(stack: Live) -> AsyncIterator[str]:
    """A second router."""
    name = await asyncio.to_thread(stack.stack.add_router)
    yield name
    await asyncio.to_thread(stack.stack.remove_router, int(name.rpartition("-")[2]))


async def count_anew(stack: Live) -> None:
    async with stack.session.delete(f"{stack.model_server_url.removesuffix('/v1')}/ledger") as response:
        response.raise_for_status()


async def peak(stack: Live) -> int:
    return int((await stack.model_server.ledger(entries=False))["concurrent_peak"])


async def asked_from(tenant: Api, model: str, times: int) -> list[Answer]:
    return list(await asyncio.gather(*(tenant.chat(model, f"call {number}") for number in range(times))))


async def begun_in_bulk(tenant: Api, model: str) -> str:
    answer = await tenant.post(INFERENCES, chat_body(model, "in bulk"), headers={"x-tallygate-priority": "bulk"})
    assert answer.status == 202, answer
    return str(answer.body["inference_id"])


async def settled_at(tenant: Api, inference_id: str) -> datetime:
    return datetime.fromisoformat((await tenant.settled(inference_id))["settled_at"])


async def test_two_routers_never_make_more_calls_at_a_time_than_a_model_may_have(
    stack: Live, tenant: Api, second: str
) -> None:
    for limit in (1, 2, 3):
        model = await tenant.add_model(f"m-{limit}", stack.model_server_url, "demo-delay-50", max_concurrency=limit)
        await count_anew(stack)
        answers = await asked_from(tenant, model, 30)
        assert [answer.status for answer in answers] == [200] * 30
        assert await peak(stack) == limit
    routers = {one["router_id"] for one in (await stack.admin.get("/api/instances")).body["routers"]}
    assert len(routers) >= 2


async def test_the_places_of_a_router_that_was_killed_are_used_by_the_other(
    stack: Live, tenant: Api, second: str
) -> None:
    model = await tenant.add_model("limited", stack.model_server_url, "demo-delay-1000", max_concurrency=2)
    await count_anew(stack)
    asked = asyncio.create_task(asked_from(tenant, model, 16))
    await in_flight(stack, 2)

    stack.stack.signal_program(second, signal.SIGKILL)

    assert [answer.status for answer in await asked] == [200] * 16
    assert await peak(stack) <= 2


async def test_people_overtake_a_backlog_of_bulk_at_a_model_and_all_of_it_is_answered(
    stack: Live, tenant: Api, second: str
) -> None:
    model = await tenant.add_model("limited", stack.model_server_url, "demo-delay-200", max_concurrency=2)
    bulk = await asyncio.gather(*(begun_in_bulk(tenant, model) for _ in range(60)))
    await in_flight(stack, 2)

    people = await asked_from(tenant, model, 8)

    assert [answer.status for answer in people] == [200] * 8
    answered_at = [await settled_at(tenant, answer.headers["x-tallygate-inference-id"]) for answer in people]
    overtaken = [ended_at for one in bulk if (ended_at := await settled_at(tenant, one)) > max(answered_at)]
    assert len(overtaken) > 8, "in the order in which they came, next to none would have ended after the people"
    assert [(await tenant.settled(one))["state"] for one in bulk] == ["completed"] * 60


async def test_an_unknown_priority_is_refused_by_the_words_of_the_callers_sdk(tenant: Api) -> None:
    refused = await tenant.chat(None, headers={"x-tallygate-priority": "urgent"})
    assert (refused.status, refused.body["error"]["param"]) == (400, "x-tallygate-priority")
    asked = {"model": "auto", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    refused = await tenant.call("POST", "/v1/messages", asked, headers={"x-tallygate-priority": "urgent"})
    assert (refused.status, refused.body["error"]["type"]) == (400, "invalid_request_error")


async def test_a_key_has_a_most_urgent_priority_and_can_ask_which(stack: Live) -> None:
    made = await stack.admin.post("/api/keys", {"tenant": "acme", "max_priority": "bulk"})
    assert made.status == 201
    caller = (await stack.api(made.body["key"]).get("/api/caller")).body
    [listed] = [
        one
        for one in (await stack.admin.get("/api/keys?tenant=acme")).body["keys"]
        if one["key_id"] == caller["key_id"]
    ]
    assert (made.body["max_priority"], caller["max_priority"], listed["max_priority"]) == ("bulk",) * 3
    refused = await stack.admin.post("/api/keys", {"tenant": "acme", "max_priority": "urgent"})
    assert refused.status == 400
