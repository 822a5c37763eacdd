"""A tenant's terms are changed by several at once, their limits have a least, and all changes can be read back."""

import asyncio
from typing import Any

import pytest

from tests.support.live import Api, Live

_TIMES = 30


async def tenant_id(api: Api) -> str:
    return str((await api.get("/api/tenants")).body["tenants"][0]["tenant"])


async def changes(api: Api, query: str = "") -> dict[str, Any]:
    answer = await api.get(f"/api/changes{query}")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.body
    return found


async def test_of_two_changes_at_once_none_is_lost(stack: Live, tenant: Api) -> None:
    path = f"/api/tenants/{await tenant_id(tenant)}"
    for number in range(1, _TIMES + 1):
        sent = ({"usd_per_day": number}, {"tokens_per_day": number}, {"policy": "cheapest"})
        answers = await asyncio.gather(*(stack.admin.call("PATCH", path, one) for one in sent))
        assert [one.status for one in answers] == [200, 200, 200]

        own = (await tenant.get(path)).body["own_terms"]
        assert own == {"usd_per_day": number, "tokens_per_day": number, "policy": "cheapest"}
        newest = (await changes(tenant, "?limit=3"))["changes"]
        assert own in [one["details"]["terms"] for one in newest]  # what is on record is what was stored


async def test_a_term_that_is_taken_back_is_gone_and_the_plan_stays(stack: Live, tenant: Api) -> None:
    path = f"/api/tenants/{await tenant_id(tenant)}"
    assert (await stack.admin.call("PUT", "/api/plans/kept", {"usd_per_day": 7})).status == 200
    await stack.admin.call("PATCH", path, {"plan": "kept", "burst": 3, "rate_per_s": 2})

    body = (await stack.admin.call("PATCH", path, {"burst": None})).body

    assert (body["plan"], body["own_terms"], body["terms"]["burst"]) == ("kept", {"rate_per_s": 2}, None)
    assert (await stack.admin.call("PATCH", path, {"plan": None})).body["plan"] is None


async def test_a_change_says_which_person_acted_with_the_key(stack: Live, tenant: Api) -> None:
    path = f"/api/tenants/{await tenant_id(tenant)}"
    said = {"Ana%20Mu%C3%B1oz": "Ana Muñoz", "a%0Ab%00": "a\ufffdb\ufffd", "a" * 300: "a" * 200, "": None}
    for person in said:
        headers = {"x-tallygate-person": person}
        assert (await stack.admin.call("PATCH", path, {"burst": 4}, headers=headers)).status == 200
    newest = (await changes(tenant, f"?limit={len(said)}"))["changes"]
    assert [one["person"] for one in reversed(newest)] == list(said.values())


@pytest.mark.parametrize("limit", ["rate_per_s", "burst", "max_in_flight"])
async def test_a_limit_of_nothing_is_refused(stack: Live, tenant: Api, limit: str) -> None:
    for method, path in (("PATCH", f"/api/tenants/{await tenant_id(tenant)}"), ("PUT", "/api/plans/nothing")):
        refused = await stack.admin.call(method, path, {limit: 0})
        assert (refused.status, refused.body["param"]) == (400, limit)
        assert "usd_per_day" in refused.body["detail"]


async def test_older_changes_are_read_page_by_page(stack: Live, tenant: Api) -> None:
    for number in range(5):
        await tenant.add_model(f"m{number}", stack.model_server_url)
    everything = (await changes(tenant))["changes"]

    pages, cursor = [], ""
    while True:
        page = await changes(tenant, f"?limit=2{cursor}")
        pages.append(page["changes"])
        if page["next"] is None:
            break
        cursor = f"&before={page['next']}"

    assert [one for page in pages for one in page] == everything
    assert [len(page) for page in pages[:-1]] == [2] * (len(pages) - 1)
    assert (await tenant.get("/api/changes?before=yesterday")).status == 400


async def test_who_may_register_models_may_list_them(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("mine", stack.model_server_url)
    statuses = {}
    for scope in ("inference", "models", "monitor"):
        made = await stack.admin.post("/api/keys", {"tenant": await tenant_id(tenant), "scopes": [scope]})
        answer = await stack.api(made.body["key"]).get("/api/models/list")
        statuses[scope] = answer.status
        assert answer.status != 200 or [one["id"] for one in answer.body["models"]] == [model]
    assert statuses == {"inference": 200, "models": 200, "monitor": 403}


async def test_the_selection_tells_that_the_budget_is_used_up(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("mine", stack.model_server_url)
    body = {"messages": [{"role": "user", "content": "hi"}]}
    assert (await tenant.post("/api/models/select", body)).body["over_budget"] is None

    await stack.admin.call("PATCH", f"/api/tenants/{await tenant_id(tenant)}", {"usd_per_day": 0})
    selection = (await tenant.post("/api/models/select", body)).body
    refused = await tenant.chat(model)

    assert [one["model"] for one in selection["candidates"]] == [model]
    assert (selection["over_budget"]["http_status"], selection["over_budget"]["error_type"]) == (402, "quota_exceeded")
    assert selection["over_budget"]["tips"] == refused.body["error"]["tips"]
    assert refused.status == 402


async def test_a_model_that_is_not_active_says_how_to_activate_it_and_nothing_is_published(
    stack: Live, tenant: Api
) -> None:
    off = await tenant.add_model("off", stack.model_server_url, is_active=False)

    refused = await tenant.chat(off)

    assert (refused.status, refused.body["error"]["code"]) == (404, "no_model_available")
    assert refused.body["error"]["tips"] == ["Activate it: tallygate models activate custom:off"]
    assert refused.body["error"]["inference_id"] is None
