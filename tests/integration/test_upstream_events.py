"""A service that publishes to Kafka itself, without HTTP: plain input, few fields, its own trace."""

import asyncio
import json
import signal
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import uuid_utils.compat
from aiokafka import AIOKafkaProducer

from shared.events.topics import REQUESTS
from tests.support.live import Api, Live


async def publish(stack: Live, body: dict[str, Any]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=stack.environment["KAFKA_BOOTSTRAP_SERVERS"])
    await producer.start()
    try:
        await producer.send_and_wait(REQUESTS.name, json.dumps(body).encode())
    finally:
        await producer.stop()


async def tenant_of(tenant: Api, stack: Live) -> str:
    assert tenant.key is not None
    keys = (await stack.admin.get("/api/keys")).body["keys"]
    return str(next(one["tenant"] for one in keys if one["key_id"] == tenant.key.split("_")[1]))


def request(tenant_id: str, **more: Any) -> dict[str, Any]:
    return {
        "inference_id": str(uuid_utils.compat.uuid7()),
        "tenant_id": tenant_id,
        "input": {"messages": [{"role": "user", "content": "from upstream"}]},
    } | more


async def test_a_minimal_event_is_routed_and_booked(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("good", stack.model_server_url)
    body = request(await tenant_of(tenant, stack))

    await publish(stack, body)

    timeline = await tenant.settled(body["inference_id"])
    assert timeline["state"] == "completed"
    assert timeline["model_served"] == model


async def test_an_event_that_asks_for_a_stream_is_answered_whole_as_nobody_waits_for_one(
    stack: Live, tenant: Api
) -> None:
    await tenant.add_model("good", stack.model_server_url)
    body = request(await tenant_of(tenant, stack))
    body["input"]["stream"] = True

    await publish(stack, body)

    timeline = await tenant.settled(body["inference_id"])
    assert timeline["state"] == "completed"
    [attempt] = timeline["attempts"]
    entry = (await stack.model_server.entries_of({attempt["attempt_id"]}))[attempt["attempt_id"]]
    assert entry["stream"] is False


async def test_an_event_past_its_deadline_is_expired_and_no_model_is_called(stack: Live, tenant: Api) -> None:
    await tenant.add_model("good", stack.model_server_url)
    past = datetime.now(UTC) - timedelta(minutes=5)
    body = request(await tenant_of(tenant, stack), accepted_at=past.isoformat())

    await publish(stack, body)

    timeline = await tenant.settled(body["inference_id"])
    assert timeline["state"] == "expired"
    assert timeline["attempts"] == []


async def test_an_event_for_a_model_that_is_not_there_is_failed_with_the_reason(stack: Live, tenant: Api) -> None:
    body = request(await tenant_of(tenant, stack), request_model="custom:nobody")

    await publish(stack, body)

    timeline = await tenant.settled(body["inference_id"])
    assert timeline["state"] == "failed"
    assert timeline["error"]["error_type"] == "model_not_found"
    summary = await tenant.monitoring(total=1)
    assert summary["requests"]["by_error_type"] == {"model_not_found": 1}
    assert summary["attempts"]["total"] == 0
    assert summary["errors"][0]["error_type"] == "model_not_found"


async def test_a_tenant_that_nobody_knows_gets_no_model(stack: Live, tenant: Api) -> None:
    body = request(f"unknown-{uuid.uuid4().hex[:8]}")

    await publish(stack, body)
    await publish(stack, follow_up := request(await tenant_of(tenant, stack)))

    assert (await tenant.settled(follow_up["inference_id"]))["state"] == "failed"
    assert (await tenant.get(f"/api/inferences/{body['inference_id']}")).status == 404


async def test_an_event_that_may_be_published_twice_is_worked_on_once_by_whoever_reads_it(
    stack: Live, tenant: Api
) -> None:
    """Also by a router that was not there when it came first: it asks the books."""
    await tenant.add_model("good", stack.model_server_url)
    body = request(await tenant_of(tenant, stack))
    await publish(stack, body)
    assert (await tenant.settled(body["inference_id"]))["state"] == "completed"
    old = stack.stack.pid("router")
    stack.stack.signal_program("router", signal.SIGKILL)
    async with asyncio.timeout(30):
        while stack.stack.pid("router") in (0, old):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await asyncio.to_thread(stack.stack.wait_ready, "router")

    await publish(stack, body | {"republished": True})
    after = request(body["tenant_id"])
    await publish(stack, after)
    await tenant.settled(after["inference_id"])
    await asyncio.sleep(1)

    assert len((await tenant.settled(body["inference_id"]))["attempts"]) == 1
    assert (await tenant.monitoring(total=2))["attempts"]["total"] == 2
