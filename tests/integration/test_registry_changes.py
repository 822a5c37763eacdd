"""What is changed at one gateway holds at every router soon, and also when nobody was told of it."""

import asyncio

import asyncpg

from tests.integration.test_upstream_events import publish, request, tenant_of
from tests.support.live import Api, Live


async def until_used(stack: Live, tenant: Api, tenant_id: str, model: str) -> None:
    async with asyncio.timeout(20):
        while await used(stack, tenant, tenant_id) != model:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def used(stack: Live, tenant: Api, tenant_id: str) -> str:
    """The model that a request is served by which comes from Kafka, and so knows no version of the registry."""
    body = request(tenant_id)
    await publish(stack, body)
    timeline = await tenant.settled(body["inference_id"])
    return str(timeline["model_served"])


async def test_a_change_reaches_a_router_soon(stack: Live, tenant: Api) -> None:
    tenant_id = await tenant_of(tenant, stack)
    first = await tenant.add_model("first", stack.model_server_url)
    second = await tenant.add_model("second", stack.model_server_url)
    await until_used(stack, tenant, tenant_id, first)

    await tenant.call("PATCH", "/api/models/custom/first", {"is_active": False})
    await until_used(stack, tenant, tenant_id, second)

    await tenant.call("PATCH", "/api/models/custom/first", {"is_active": True})
    await until_used(stack, tenant, tenant_id, first)


async def test_a_change_whose_notification_was_lost_is_seen_by_the_next_request_that_knows_of_it(
    stack: Live, tenant: Api
) -> None:
    tenant_id = await tenant_of(tenant, stack)
    await tenant.add_model("first", stack.model_server_url)
    second = await tenant.add_model("second", stack.model_server_url)
    connection = await asyncpg.connect(stack.environment["DATABASE_URL"])
    try:
        await connection.execute(
            "UPDATE gateway.custom_models SET is_active = false WHERE tenant_id = $1 AND model_id = 'first'", tenant_id
        )
        version = await connection.fetchval(
            "UPDATE gateway.tenants SET registry_version = registry_version + 1 WHERE tenant_id = $1 "
            "RETURNING registry_version",
            tenant_id,
        )
    finally:
        await connection.close()

    body = request(tenant_id, registry_version=version)
    await publish(stack, body)

    assert (await tenant.settled(body["inference_id"]))["model_served"] == second
