"""How models were is told with its reasons, by thresholds of their own; and probes of those that nobody calls."""

import asyncio
from collections.abc import Callable
from typing import Any

from shared.client.requests import CUSTOM_MODELS, HEALTH
from shared.events.inference import PROBE
from tests.integration.test_health_and_spending import books_of, chat
from tests.support.live import Api, Live

_PRICE = {"input_per_mtok_usd": 3.0, "output_per_mtok_usd": 15.0}
_WITHIN_S = 30.0
_PROBES = """
SELECT i.settlement, i.key_id, i.operation_name, a.outcome, a.error_type, a.cost_usd
FROM monitor.inferences i LEFT JOIN monitor.attempts a USING (inference_id)
WHERE i.tenant_id = $1 ORDER BY i.inference_id
"""


async def told(tenant: Api, until: Callable[[dict[str, Any]], bool], query: str = "") -> dict[str, Any]:
    """The answer, once it is such a one."""
    async with asyncio.timeout(_WITHIN_S):
        while True:
            answer = await tenant.get(f"{HEALTH}?{query}")
            assert answer.status == 200, answer
            found: dict[str, Any] = answer.body
            if until(found):
                return found
            await asyncio.sleep(0.1)


def is_(status: str, cause: str) -> Callable[[dict[str, Any]], bool]:
    return lambda body: [(one["status"], one["cause"]) for one in body["models"]] == [(status, cause)]


async def change(tenant: Api, name: str, **fields: Any) -> None:
    answer = await tenant.call("PATCH", f"{CUSTOM_MODELS}/{name}", fields)
    assert answer.status == 200, answer


async def test_a_failing_model_and_how_it_came_back(stack: Live, tenant: Api) -> None:
    own = {"degraded_at": 0.25, "unhealthy_at": 0.75, "min_calls": 2}
    model = await tenant.add_model("touchy", stack.model_server_url, "fault-401", health=own)
    await chat(tenant, model, 2, 424)
    failing = await told(tenant, is_("unhealthy", "calls"))
    assert failing["models"][0]["thresholds"] == own
    await change(tenant, "touchy", config={"model": "demo"})
    await chat(tenant, model, 2, 200)
    await told(tenant, is_("degraded", "calls"))

    body = await told(tenant, lambda _: True)
    newest, oldest = body["items"][0], body["items"][-1]
    assert (newest["status"], newest["was"]) == ("degraded", "unhealthy")
    assert (oldest["status"], oldest["was"], oldest["thresholds"]) == ("unhealthy", "healthy", own)
    assert (oldest["calls"], oldest["failed"], oldest["errors"]) == (2, 2, {"authentication_failed": 2})
    assert oldest["reason"] == "2 of 2 calls failed, most of them authentication_failed"
    assert (body["at_from"], body["next_cursor"]) == ([], None)
    assert body["models"][0]["since"] == newest["at"]

    first = await told(tenant, lambda _: True, f"limit=1&model={model}")
    assert first["items"] == [newest]
    second = await told(tenant, lambda _: True, f"limit=1&model={model}&cursor={first['next_cursor']}")
    assert second["items"] == [body["items"][1]]
    later = await told(tenant, lambda _: True, f"from={newest['at'].replace('+', '%2B')}")
    assert [one["status"] for one in (*later["items"], *later["at_from"])] == ["degraded", oldest["status"]]

    shown = await stack.command("models", "health", "touchy", "--gateway", stack.gateway_url, "--key", str(tenant.key))
    assert "custom:touchy unhealthy → degraded" in shown.stdout


async def test_who_may_ask_what(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("mine", stack.model_server_url, "fault-401", health={"min_calls": 1})
    await chat(tenant, model, 1, 424)
    await told(tenant, is_("unhealthy", "calls"))
    other = await stack.new_tenant()
    for query in ("", f"model={model}"):
        body = await told(other, lambda _: True, query)
        assert (body["models"], body["items"], body["at_from"]) == ([], [], [])
    assert (await told(tenant, lambda _: True, "model=custom:none"))["items"] == []
    for query in ("from=2026-01-02&to=2026-01-01", "from=2126-01-01", "window=1w", "cursor=e30", "limit=0", "a=b"):
        answer = await tenant.get(f"{HEALTH}?{query}")
        assert (answer.status, answer.body["error_type"]) == (400, "invalid_request"), query


async def test_a_model_that_nobody_calls_is_probed_by_its_owners_word(stack: Live, tenant: Api) -> None:
    await tenant.add_model("quiet", stack.model_server_url, "fault-401", price=_PRICE, probe={"every_s": 3600})
    failing = await told(tenant, is_("unhealthy", "probe"))
    assert failing["models"][0]["reason"] == "the last probe failed: authentication_failed"
    assert failing["models"][0]["probe"]["error_type"] == "authentication_failed"

    await change(tenant, "quiet", config={"model": "demo"})  # changed: it is not waited for an hour
    answered = await told(tenant, is_("healthy", "probe"))
    assert [one["status"] for one in answered["items"]][-1] == "unhealthy"

    await change(tenant, "quiet", is_active=False)
    over = await told(tenant, lambda body: body["models"][0]["probe"] is None)
    assert over["models"][0]["status"] == "healthy"
    async with books_of(stack, tenant) as books:
        rows = await books.rows(_PROBES)
    assert [(row["key_id"], row["operation_name"]) for row in rows] == [(PROBE, "chat")] * 2
    assert [(row["settlement"], row["outcome"]) for row in rows] == [("failed", "failed"), ("completed", "succeeded")]
    assert rows[1]["cost_usd"] > 0


async def test_without_a_budget_nothing_is_probed(stack: Live, tenant: Api) -> None:
    async with books_of(stack, tenant) as books:
        terms = {"usd_per_day": 0}
        assert (await stack.admin.call("PATCH", f"/api/tenants/{books.tenant_id}", terms)).status == 200
        await tenant.add_model("quiet", stack.model_server_url, price=_PRICE, probe={"every_s": 60})
        rows: list[dict[str, Any]] = []
        async with asyncio.timeout(_WITHIN_S):
            while [row["settlement"] for row in rows] in ([], [None]):
                rows = await books.rows(_PROBES)
                await asyncio.sleep(0.1)
    assert [(row["settlement"], row["outcome"]) for row in rows] == [("rejected", None)]
