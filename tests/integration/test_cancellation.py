"""Cancellation: asked for, or by a caller that disconnects and had asked for that."""

import asyncio
from typing import Any

import asyncpg
import pytest

from shared.client import Answer
from tests.support.live import Api, Live

CANCEL = {"x-tallygate-cancel-on-disconnect": "true"}


OPEN = "SELECT inference_id FROM monitor.attempts WHERE key_id = $1 AND outcome IS NULL"
_PUBLISHED = """
SELECT inference_id FROM gateway.idempotency_keys JOIN gateway.api_keys USING (tenant_id)
WHERE key_id = $1 AND published_at IS NOT NULL
"""


async def found(stack: Live, tenant: Api, query: str) -> str:
    """The one inference of the tenant that the query finds, as soon as it does."""
    [inference_id] = await all_found(stack, tenant, query, 1)
    return inference_id


async def all_found(stack: Live, tenant: Api, query: str, count: int) -> list[str]:
    """As many inferences of the tenant, as soon as the query finds them."""
    assert tenant.key is not None
    connection: Any = await asyncpg.connect(stack.environment["DATABASE_URL"])
    try:
        async with asyncio.timeout(20):
            while len(rows := await connection.fetch(query, tenant.key.split("_")[1])) != count:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        await connection.close()
    return [str(row["inference_id"]) for row in rows]


async def delete(api: Api, inference_id: str) -> Answer:
    return await api.call("DELETE", f"/api/inferences/{inference_id}")


async def test_a_call_in_flight_is_cancelled(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("hanging", stack.model_server_url, "fault-hang", timeout_s=60)
    waiting = asyncio.create_task(tenant.chat(model))
    inference_id = await found(stack, tenant, OPEN)

    asked = await delete(tenant, inference_id)
    answer = await asyncio.wait_for(waiting, 40)

    assert asked.status == 202
    assert asked.body == {"inference_id": inference_id, "state": "cancelling"}
    assert answer.status == 499
    assert answer.body["error"]["code"] == "cancelled"
    assert answer.body["error"]["inference_id"] == inference_id
    assert (await tenant.settled(inference_id))["state"] == "cancelled"


async def test_what_waits_for_a_router_is_cancelled_without_a_call(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("quick", stack.model_server_url)
    await asyncio.to_thread(stack.stack.stop_program, "router")
    try:
        waiting = asyncio.create_task(tenant.chat(model, headers={"idempotency-key": "waits"}))
        inference_id = await found(stack, tenant, _PUBLISHED)
        asked = await delete(tenant, inference_id)
    finally:
        await asyncio.to_thread(stack.stack.start_program, "router")
        await asyncio.to_thread(stack.stack.wait_ready, "router")
    answer = await asyncio.wait_for(waiting, 60)

    assert asked.status == 202
    assert answer.status == 499
    timeline = await tenant.settled(inference_id)
    assert (timeline["state"], timeline["attempts"]) == ("cancelled", [])


async def test_what_is_settled_cannot_be_cancelled(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("quick", stack.model_server_url)
    inference_id = (await tenant.chat(model)).headers["x-tallygate-inference-id"]

    answer = await delete(tenant, inference_id)

    assert answer.status == 409
    assert answer.body["state"] == "completed"
    assert answer.body["error_type"] == "invalid_request"
    assert answer.body["tips"]


@pytest.mark.parametrize("inference_id", ["019a0000-0000-7000-8000-00000000ffff", "nonsense"])
async def test_what_nobody_knows_cannot_be_cancelled(tenant: Api, inference_id: str) -> None:
    assert (await delete(tenant, inference_id)).status == 404


async def test_a_stranger_cannot_cancel(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("slow", stack.model_server_url, "demo-delay-1500")
    stranger = await stack.new_tenant()
    waiting = asyncio.create_task(tenant.chat(model))
    inference_id = await found(stack, tenant, OPEN)

    assert (await delete(stranger, inference_id)).status == 404
    assert (await waiting).status == 200


async def disconnected(stack: Live, tenant: Api, headers: dict[str, str] | None) -> str:
    model = await tenant.add_model("slow", stack.model_server_url, "demo-delay-2500")
    waiting = asyncio.create_task(tenant.chat(model, headers=headers))
    inference_id = await found(stack, tenant, OPEN)
    waiting.cancel()  # the client closes its connection
    await asyncio.gather(waiting, return_exceptions=True)
    return inference_id


async def test_a_caller_that_leaves_cancels_when_it_asked_for_that(stack: Live, tenant: Api) -> None:
    inference_id = await disconnected(stack, tenant, CANCEL)

    assert (await tenant.settled(inference_id))["state"] == "cancelled"


async def test_a_caller_that_leaves_changes_nothing_otherwise(stack: Live, tenant: Api) -> None:
    inference_id = await disconnected(stack, tenant, None)

    assert (await tenant.settled(inference_id))["state"] == "completed"


async def test_a_caller_that_stays_gets_its_answer_with_the_header_too(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("slow", stack.model_server_url, "demo-delay-300")

    assert (await tenant.chat(model, headers=CANCEL)).status == 200
