"""Provider models, whose keys they are called with, which tenant may use which, and what that may cost."""

import asyncio
import json
from typing import Any

import pytest
import pytest_asyncio

from shared.client import Answer
from tests.integration.configured.conftest import HOUSE_PRICE
from tests.support.live import Api, Live

_WAIT_S = 15.0

DEMO, TOKENS, SLOW, KEYLESS = "house:demo", "house:demo-tokens-3", "house:demo-delay-2000", "bring:demo"


@pytest.fixture
def stack(configured_stack: Live) -> Live:
    return configured_stack


@pytest_asyncio.fixture
async def tenant(stack: Live) -> Api:
    return await stack.new_tenant()


async def tenant_id(stack: Live, api: Api) -> str:
    return str((await api.get("/api/tenants")).body["tenants"][0]["tenant"])


async def terms(stack: Live, api: Api, **change: Any) -> Answer:
    answer = await stack.admin.call("PATCH", f"/api/tenants/{await tenant_id(stack, api)}", change)
    assert answer.status == 200, answer
    return answer


async def entry(api: Api, model: str) -> dict[str, Any]:
    listed = (await api.get("/api/models/list")).body["models"]
    found: dict[str, Any] = next(one for one in listed if one["id"] == model)
    return found


async def until_refused(api: Api, model: str) -> Answer:
    """Sends until the budget says no: the books are a few seconds behind."""
    deadline = asyncio.get_running_loop().time() + _WAIT_S
    while True:
        answer = await api.chat(model)
        if answer.status != 200:
            return answer
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.2)


async def test_custom_and_provider_models_are_one_list(stack: Live, tenant: Api) -> None:
    await tenant.add_model("mine", stack.model_server_url, price={"input_per_mtok_usd": 1, "output_per_mtok_usd": 2})

    listed = (await tenant.get("/api/models/list")).body["models"]

    assert [one["id"] for one in listed] == ["custom:mine", DEMO, TOKENS, SLOW, KEYLESS]
    assert [one["key"] for one in listed] == ["none", "deployment", "deployment", "deployment", "none"]
    assert listed[1]["price"] == HOUSE_PRICE
    assert [one["usable"] for one in listed] == [True, True, True, True, False]
    assert "tallygate providers set-key bring" in listed[4]["reason"]
    openai = (await tenant.get("/v1/models")).body["data"]
    assert [one["id"] for one in openai] == ["custom:mine", DEMO, TOKENS, SLOW]


async def test_a_tenants_own_key_is_used_instead_of_the_deployments(stack: Live, tenant: Api) -> None:
    assert (await tenant.chat(DEMO, no_fallback=True)).status == 200
    assert (await tenant.call("PUT", "/api/providers/house/key", {"api_key": "sk-invalid"})).status == 204
    refused = await tenant.chat(DEMO, no_fallback=True)
    assert refused.body["error"]["code"] == "authentication_failed"
    assert (await entry(tenant, DEMO))["key"] == "own"
    other = await stack.new_tenant()
    assert (await other.chat(DEMO)).status == 200

    assert (await tenant.call("DELETE", "/api/providers/house/key")).status == 204
    assert (await tenant.chat(DEMO)).status == 200


async def test_a_provider_without_a_key_serves_who_brings_one(stack: Live, tenant: Api) -> None:
    refused = await tenant.chat(KEYLESS, no_fallback=True)
    assert (refused.status, refused.body["error"]["code"]) == (404, "no_model_available")
    assert "no key of bring is stored" in refused.body["error"]["message"]

    assert (await tenant.call("PUT", "/api/providers/bring/key", {"api_key": "sk-mine"})).status == 204
    answered = await tenant.chat(KEYLESS)

    assert (answered.status, answered.headers["x-tallygate-model"]) == (200, KEYLESS)
    providers = (await tenant.get("/api/providers")).body["providers"]
    assert [(one["name"], one["key"]) for one in providers] == [("house", "deployment"), ("bring", "own")]


async def test_an_unknown_provider_takes_no_key(tenant: Api) -> None:
    answer = await tenant.call("PUT", "/api/providers/nobody/key", {"api_key": "sk"})
    assert (answer.status, answer.body["tips"][0]) == (404, "There are: house, bring.")


async def test_a_plan_denies_provider_models(stack: Live, tenant: Api) -> None:
    mine = await tenant.add_model("mine", stack.model_server_url, "fault-500")
    plan = {"provider_deny": ["house:*"], "policy": "custom_only"}
    assert (await stack.admin.call("PUT", "/api/plans/own-only", plan)).status == 200
    changed = await terms(stack, tenant, plan="own-only")
    assert changed.body["terms"]["provider_deny"] == ["house:*"]

    named = await tenant.chat(DEMO)
    assert (named.status, named.body["error"]["code"]) == (403, "provider_not_allowed")
    failed = await tenant.chat(mine)
    assert failed.body["error"]["code"] == "server_error"
    assert {one["model"] for one in failed.body["error"]["attempts"]} == {mine}
    assert (await entry(tenant, DEMO))["error_type"] == "provider_not_allowed"

    assert (await stack.admin.call("DELETE", "/api/plans/own-only")).status == 409
    await terms(stack, tenant, plan=None)
    assert (await stack.admin.call("DELETE", "/api/plans/own-only")).status == 204
    assert (await tenant.chat(mine)).headers["x-tallygate-model"] == DEMO


async def test_a_tenants_own_terms_come_before_its_plans(stack: Live, tenant: Api) -> None:
    await stack.admin.call("PUT", "/api/plans/small", {"usd_per_day": 1, "tokens_per_day": 10})
    body = (await terms(stack, tenant, plan="small", usd_per_day=5)).body
    assert (body["terms"]["usd_per_day"], body["terms"]["tokens_per_day"], body["own_terms"]) == (
        5, 10, {"usd_per_day": 5},
    )  # fmt: skip
    back = (await terms(stack, tenant, usd_per_day=None, plan=None)).body
    assert (back["own_terms"], back["terms"]["usd_per_day"], back["plan"]) == ({}, None, None)


@pytest.mark.parametrize(
    ("change", "status"),
    [({"plan": "no-such"}, 400), ({"usd_per_day": -1}, 400), ({"policy": "best"}, 400), ({"unknown": 1}, 400)],
)
async def test_terms_that_make_no_sense_are_refused(
    stack: Live, tenant: Api, change: dict[str, Any], status: int
) -> None:
    answer = await stack.admin.call("PATCH", f"/api/tenants/{await tenant_id(stack, tenant)}", change)
    assert (answer.status, answer.body["code"]) == (status, "invalid_request")


async def test_money_that_is_spent_ends_a_budget(stack: Live, tenant: Api) -> None:
    await terms(stack, tenant, usd_per_day=0.000001)
    assert (await tenant.chat(DEMO)).status == 200

    refused = await until_refused(tenant, DEMO)

    error = refused.body["error"]
    assert (refused.status, error["code"]) == (402, "quota_exceeded")
    assert any("--usd-per-day" in tip for tip in error["tips"])
    timeline = await tenant.settled(error["inference_id"])
    assert (timeline["state"], timeline["attempts"]) == ("rejected", [])
    spent = (await tenant.get("/api/tenants")).body["tenants"][0]["spent"]
    assert spent["usd_day"] > 0.000001
    await terms(stack, tenant, usd_per_day=100)
    assert (await tenant.chat(DEMO)).status == 200


async def test_tokens_that_are_spent_end_a_budget(stack: Live, tenant: Api) -> None:
    await terms(stack, tenant, tokens_per_month=1)
    assert (await tenant.chat(DEMO)).status == 200
    assert (await until_refused(tenant, DEMO)).status == 402


async def test_a_tenants_rate_is_its_own(stack: Live, tenant: Api) -> None:
    await terms(stack, tenant, rate_per_s=1, burst=2)
    answers = await asyncio.gather(*(tenant.chat(DEMO) for _ in range(6)))
    assert sorted(answer.status for answer in answers).count(429) >= 3
    other = await stack.new_tenant()
    assert {answer.status for answer in await asyncio.gather(*(other.chat(DEMO) for _ in range(6)))} == {200}


async def test_a_key_may_be_for_some_models_only(stack: Live, tenant: Api) -> None:
    await tenant.add_model("mine", stack.model_server_url)
    owner = await tenant_id(stack, tenant)
    made = await stack.admin.post("/api/keys", {"tenant": owner, "allowed_models": ["house:demo-t*"]})
    narrow = stack.api(made.body["key"])

    auto = await narrow.chat(None)
    named = await narrow.chat("custom:mine")

    assert (auto.status, auto.headers["x-tallygate-model"]) == (200, TOKENS)
    assert (named.status, named.body["error"]["code"]) == (403, "permission_denied")
    assert [one["id"] for one in (await narrow.get("/v1/models")).body["data"]] == [TOKENS]
    assert (await entry(narrow, "custom:mine"))["error_type"] == "permission_denied"


async def test_the_selection_is_explained_and_calls_nobody(stack: Live, tenant: Api) -> None:
    mine = await tenant.add_model("mine", stack.model_server_url)
    off = await tenant.add_model("off", stack.model_server_url, is_active=False)
    body = {"messages": [{"role": "user", "content": "x" * 4000}], "policy": "custom_first"}

    selection = (await tenant.post("/api/models/select", body)).body

    assert [one["model"] for one in selection["candidates"]] == [mine, TOKENS, SLOW]
    assert {one["model"]: one["reason"] for one in selection["passed_over"]} == {
        off: "not active",
        DEMO: "about 1004 tokens are needed, its context window is 500",
        KEYLESS: "no key of bring is stored",
    }
    assert (await tenant.monitoring(total=0))["attempts"]["total"] == 0


async def test_what_is_explained_is_what_is_done_and_stored(stack: Live, tenant: Api) -> None:
    await tenant.add_model("mine", stack.model_server_url)
    for policy, first in (("provider_first", DEMO), ("custom_only", "custom:mine"), ("cheapest", DEMO)):
        body = {"messages": [{"role": "user", "content": "hi"}], "policy": policy}
        selection = (await tenant.post("/api/models/select", body)).body
        answer = await tenant.chat(None, "hi", policy=policy)
        stored = (await tenant.settled(answer.headers["x-tallygate-inference-id"]))["candidates"]

        assert selection["candidates"][0]["model"] == answer.headers["x-tallygate-model"] == first
        assert [(one["model"], one["reason"]) for one in stored if one["chosen"]] == [
            (one["model"], one["reason"]) for one in selection["candidates"]
        ]
        assert [(one["model"], one["reason"]) for one in stored if not one["chosen"]] == [
            (one["model"], one["reason"]) for one in selection["passed_over"]
        ]


async def test_traffic_is_split_by_weight(stack: Live, tenant: Api) -> None:
    await tenant.add_model("small", stack.model_server_url, weight=1)
    await tenant.add_model("large", stack.model_server_url, weight=9)
    answers = await asyncio.gather(*(tenant.chat(None, f"{number}") for number in range(100)))
    served = [answer.headers["x-tallygate-model"] for answer in answers]
    assert 78 <= served.count("custom:large") <= 99


async def test_every_change_is_on_record_and_holds_no_secret(stack: Live, tenant: Api) -> None:
    await tenant.add_model("mine", stack.model_server_url, api_key="sk-secret-of-mine")
    await tenant.call("PATCH", "/api/models/custom/mine", {"api_key": "sk-secret-of-mine", "weight": 2})
    await tenant.call("DELETE", "/api/models/custom/mine")
    await tenant.call("PUT", "/api/providers/bring/key", {"api_key": "sk-secret-of-mine"})
    await terms(stack, tenant, usd_per_day=5)

    changes = (await tenant.get("/api/changes")).body["changes"]

    assert [(one["action"], one["subject"]) for one in changes[:5]] == [
        ("tenant.changed", await tenant_id(stack, tenant)),
        ("provider_key.set", "bring"),
        ("model.removed", "custom:mine"),
        ("model.changed", "custom:mine"),
        ("model.added", "custom:mine"),
    ]
    assert changes[3]["details"] == {"fields": ["api_key", "weight"]}
    assert "sk-secret-of-mine" not in json.dumps(changes)
    assert len({one["key_id"] for one in changes[:5]}) == 2


async def test_the_commands_do_the_same(stack: Live, tenant: Api) -> None:
    owner = await tenant_id(stack, tenant)

    async def command(*arguments: str) -> Any:
        return json.loads((await stack.command(*arguments, "--json")).stdout)

    await command("plans", "set", "by-hand", "--usd-per-day", "2", "--provider-deny", "house:*")
    changed = await command("tenants", "set", owner, "--plan", "by-hand", "--policy", "fastest")
    assert (changed["terms"]["usd_per_day"], changed["terms"]["policy"]) == (2, "fastest")
    assert (await command("tenants", "set", owner, "--unset", "policy"))["terms"]["policy"] == "custom_first"
    assert (await command("models", "select", "hello"))["candidates"][0]["model"] == DEMO
    shown = {
        ("tenants", "list"): owner,
        ("plans", "list"): "by-hand",
        ("changes", "--tenant", owner): "tenant.changed",
        ("providers", "list"): "house",
        ("tenants", "show", owner): "usd per day",
    }
    for words, shows in shown.items():
        assert shows in (await stack.command(*words)).stdout
