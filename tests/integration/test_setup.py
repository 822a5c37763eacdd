"""Setting a model up: every step that fails is told with its type, and leaves nothing behind."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from deploy.local.ports import free_ports
from services.gateway.models.store import ModelStore
from shared.client import Answer
from shared.db import DatabaseSettings, connect_pool
from shared.db.reads import Reads, ReadSettings
from tests.support.live import Api, Live

SETUP, PROBE, MODELS = "/api/models/setup", "/api/models/probe", "/api/models/custom"
KEY = "opensesame-0123"
DRAFTS = "SELECT count(*) FROM gateway.custom_models WHERE draft_until IS NOT NULL"


@pytest_asyncio.fixture
async def database(stack: Live) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.environment["DATABASE_URL"])
    yield connection
    await connection.close()


def body(endpoint_url: str, model: str = "demo", **more: Any) -> dict[str, Any]:
    return {"model_id": "m", "endpoint_url": endpoint_url, "config": {"model": model}, "api_key": KEY, **more}


def steps(answer: Answer) -> dict[str, bool | None]:
    return {step["step"]: step["ok"] for step in answer.body["steps"]}


async def assert_nothing_is_left(tenant: Api, database: asyncpg.Connection) -> None:
    assert (await tenant.get(MODELS)).body["total"] == 0
    assert (await tenant.get("/v1/models")).body["data"] == []
    assert await database.fetchval(DRAFTS) == 0


async def test_what_a_model_can_is_found_out_by_asking_it(stack: Live, tenant: Api) -> None:
    """An endpoint that refuses chats is asked for embeddings, and auto takes it for no chat from then on."""
    answer = await tenant.post(SETUP, body(stack.model_server_url, "demo-vectors-only"))

    assert answer.status == 201, answer
    assert answer.body["answer"] == "a vector of 16 numbers"
    assert answer.body["model"]["capabilities"] == {"tasks": ["embeddings"]}
    assert answer.body["filled_in"]["capabilities"] == "endpoint"
    assert (await tenant.chat(None)).body["error"]["code"] == "no_model_available"
    auto = await tenant.post("/v1/embeddings", {"model": "auto", "input": "hi"})
    assert (auto.status, auto.headers["x-tallygate-model"]) == (200, "custom:m")
    tested = await tenant.post(f"{MODELS}/m/test", {})
    assert (tested.status, tested.body["task"], tested.body["ok"]) == (200, "embeddings", True)
    (listed,) = (await tenant.get("/v1/models")).body["data"]
    assert (listed["operations"], listed["max_model_len"]) == (["embeddings"], 131072)


async def test_a_model_that_answers_is_set_up(stack: Live, tenant: Api, database: asyncpg.Connection) -> None:
    answer = await tenant.post(SETUP, body(stack.model_server_url, max_concurrency=3))

    assert answer.status == 201, answer
    assert steps(answer) == {"dns": True, "tcp": True, "auth": True, "model": True, "answer": True}
    assert all(step["error"] is None and step["duration_s"] >= 0 for step in answer.body["steps"])
    model = answer.body["model"]
    assert (model["id"], model["provider"], model["is_active"]) == ("custom:m", "openai-compatible", True)
    assert (model["has_api_key"], model["max_concurrency"], model["context_window"]) == (True, 3, 131072)
    assert answer.body["answer"].startswith("echo: ")
    assert answer.body["usage"]["completion_tokens"] > 0
    assert answer.body["latency_s"] > 0
    assert KEY not in str(answer)

    timeline = await tenant.settled(answer.body["inference_id"])
    assert [one["outcome"] for one in timeline["attempts"]] == ["succeeded"]
    assert (await tenant.chat("custom:m", "hello")).status == 200
    assert (await tenant.chat(None, "hello")).headers["x-tallygate-model"] == "custom:m"
    assert (await tenant.get("/api/changes")).body["changes"][0]["action"] == "model.added"
    assert await database.fetchval(DRAFTS) == 0


async def test_an_endpoint_with_a_query_is_set_up_and_called(stack: Live, tenant: Api) -> None:
    url = f"{stack.model_server_url}/chat/completions?api-version=2024-10-21"

    answer = await tenant.post(SETUP, body(url))

    assert answer.status == 201, answer
    assert answer.body["model"]["endpoint_url"] == f"{stack.model_server_url}?api-version=2024-10-21"
    assert (await tenant.chat("custom:m", "hello")).status == 200

    refused = await tenant.post(SETUP, body(f"{stack.model_server_url}?api_key=hunter2hunter2", model_id="n"))
    assert (refused.status, refused.body["param"]) == (400, "endpoint_url")
    assert "use api_key or headers" in refused.body["detail"]
    assert "hunter2" not in str(refused)


async def test_a_model_can_be_set_up_inactive(stack: Live, tenant: Api) -> None:
    answer = await tenant.post(SETUP, body(stack.model_server_url, is_active=False, context_window=4096))

    assert answer.status == 201, answer
    assert answer.body["model"]["is_active"] is False
    assert answer.body["model"]["context_window"] == 4096
    assert (await tenant.chat("custom:m")).status == 404


@pytest.mark.parametrize(
    ("url", "change", "error_type", "step"),
    [
        ("http://no-such-host.invalid/v1", {}, "endpoint_unreachable", "dns"),
        ("http://10.255.255.1/v1", {}, "endpoint_forbidden", "dns"),
        ("http://{closed}/v1", {}, "endpoint_unreachable", "tcp"),
        ("https://{server}/v1", {}, "tls_failed", "tls"),
        ("http://{server}/v1", {"api_key": "sk-invalid-0123"}, "authentication_failed", "auth"),
        ("http://{server}/v1", {"api_key": "sk-forbidden-0123"}, "permission_denied", "auth"),
        ("http://{server}/v1", {"config": {"model": "no-such-model"}}, "model_not_found", "answer"),
        ("http://{server}/v1", {"config": {"model": "fault-401"}}, "authentication_failed", "answer"),
        ("http://{server}/v1", {"config": {"model": "fault-not-json"}}, "bad_response", "answer"),
        ("http://{server}/v1", {"config": {"model": "fault-no-choices"}}, "bad_response", "answer"),
        ("http://{server}/nothing/here", {}, "endpoint_not_found", "answer"),
    ],
)
async def test_what_fails_is_told_and_leaves_nothing(
    stack: Live, tenant: Api, database: asyncpg.Connection, url: str, change: dict[str, Any], error_type: str, step: str
) -> None:
    sent = body(url.format(server=stack.model_server.address, closed=f"127.0.0.1:{free_ports(1)[0]}")) | change

    answer = await tenant.post(SETUP, sent)

    assert answer.status >= 400, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body["error_type"] == error_type, answer
    assert answer.body["detail"]
    assert answer.body["tips"]
    assert not any("PATCH /api/models/custom" in tip or "models test" in tip for tip in answer.body["tips"])
    last = answer.body["steps"][-1]
    assert (last["step"], last["ok"], last["error"]["error_type"]) == (step, False, error_type), answer.body["steps"]
    assert sent["api_key"] not in str(answer)
    assert (answer.body["inference_id"] is not None) == (step == "answer")
    await assert_nothing_is_left(tenant, database)


async def test_the_same_id_twice_is_refused_before_anything_is_called(stack: Live, tenant: Api) -> None:
    await tenant.add_model("m", stack.model_server_url)
    before = (await stack.model_server.ledger(entries=False))["total"]

    answer = await tenant.post(SETUP, body(stack.model_server_url))

    assert answer.status == 409, answer
    assert (await stack.model_server.ledger(entries=False))["total"] == before


async def test_a_model_that_is_being_set_up_is_not_there_yet(
    stack: Live, tenant: Api, database: asyncpg.Connection
) -> None:
    setup = asyncio.create_task(tenant.post(SETUP, body(stack.model_server_url, "demo-delay-1500")))
    await _draft_of(setup, database)

    assert (await tenant.get(MODELS)).body["total"] == 0
    assert (await tenant.get(f"{MODELS}/m")).status == 404
    assert (await tenant.get("/v1/models")).body["data"] == []
    assert (await tenant.get("/api/models/list")).body["total"] == 0
    assert (await tenant.chat("custom:m")).status >= 400
    assert (await tenant.chat(None)).status >= 400
    assert (await tenant.post(SETUP, body(stack.model_server_url))).status == 409
    assert (await setup).status == 201
    assert (await tenant.chat("custom:m")).status == 200


async def test_who_leaves_before_the_answer_leaves_nothing(
    stack: Live, tenant: Api, database: asyncpg.Connection
) -> None:
    leave = {"x-tallygate-cancel-on-disconnect": "true"}
    come = await stack.model_server.come("fault-hang")
    setup = asyncio.create_task(tenant.post(SETUP, body(stack.model_server_url, "fault-hang"), headers=leave))
    await stack.model_server.until_come("fault-hang", come + 1)
    setup.cancel()

    async with asyncio.timeout(30):
        while await database.fetchval(DRAFTS):  # noqa: ASYNC110 - the gateway notices after a moment
            await asyncio.sleep(0.05)
    await assert_nothing_is_left(tenant, database)


async def test_a_gateway_that_is_killed_leaves_a_draft_that_nobody_sees_and_the_next_setup_replaces(
    stack: Live, tenant: Api, database: asyncpg.Connection
) -> None:
    setup = asyncio.create_task(tenant.post(SETUP, body(stack.model_server_url, "fault-hang")))
    await _draft_of(setup, database)

    stack.stack.signal_program("gateway", signal.SIGKILL)
    await asyncio.to_thread(stack.stack.wait_ready, "gateway")

    with pytest.raises(aiohttp.ClientError):
        await setup
    assert await database.fetchval(DRAFTS) == 1
    assert (await tenant.get(MODELS)).body["total"] == 0
    assert (await tenant.get("/v1/models")).body["data"] == []
    assert (await tenant.post(SETUP, body(stack.model_server_url))).status == 409
    await database.execute("UPDATE gateway.custom_models SET draft_until = now() WHERE draft_until IS NOT NULL")
    answer = await tenant.post(SETUP, body(stack.model_server_url))
    assert answer.status == 201, answer
    assert await database.fetchval(DRAFTS) == 0


async def test_a_draft_that_nobody_finished_is_forgotten(
    stack: Live, tenant: Api, database: asyncpg.Connection
) -> None:
    await _left_draft(database, tenant, stack)
    pool = await connect_pool(DatabaseSettings(database_url=SecretStr(stack.environment["DATABASE_URL"])))
    try:
        # 0: the gateway's own sweep was first
        assert await ModelStore(pool, Reads(pool, ReadSettings()), 200).forget_drafts(datetime.now(UTC)) in {0, 1}
    finally:
        await pool.close()

    await assert_nothing_is_left(tenant, database)


async def test_probing_tells_what_there_is_and_stores_nothing(
    stack: Live, tenant: Api, database: asyncpg.Connection
) -> None:
    before = (await stack.model_server.ledger(entries=False))["total"]

    answer = await tenant.post(PROBE, {"endpoint_url": stack.model_server_url, "model": "demo", "api_key": KEY})

    assert answer.status == 200, answer
    assert answer.body["ok"] is True
    assert (answer.body["provider"], answer.body["provider_assumed"]) == ("openai-compatible", False)
    assert {"name": "demo", "context_window": 131072} in answer.body["models"]
    assert answer.body["context_window"] == 131072
    assert (await stack.model_server.ledger(entries=False))["total"] == before
    await assert_nothing_is_left(tenant, database)


async def test_a_probe_can_be_told_step_by_step(stack: Live, tenant: Api) -> None:
    sent = {"endpoint_url": stack.model_server_url, "model": "demo"}

    headers = {"accept": "application/x-ndjson", "authorization": f"Bearer {tenant.key}"}
    async with stack.session.post(tenant.url + PROBE, json=sent, headers=headers) as response:
        assert response.content_type == "application/x-ndjson"
        *steps, whole = map(json.loads, (await response.text()).splitlines())
    assert [one["step"] for one in steps] == ["dns", "tcp", "auth", "model"]
    assert whole["steps"] == steps
    assert whole["ok"] is True


@pytest.mark.parametrize(
    ("url", "key", "step", "error_type"),
    [
        ("http://169.254.169.254/v1", KEY, "dns", "endpoint_forbidden"),
        ("https://{server}/v1", KEY, "tls", "tls_failed"),
        ("http://{server}/v1", "sk-invalid-0123", "auth", "authentication_failed"),
    ],
)
async def test_a_failed_step_of_a_probe_is_data(
    stack: Live, tenant: Api, url: str, key: str, step: str, error_type: str
) -> None:
    answer = await tenant.post(PROBE, {"endpoint_url": url.format(server=stack.model_server.address), "api_key": key})

    assert answer.status == 200, answer
    assert answer.body["ok"] is False
    last = answer.body["steps"][-1]
    assert (last["step"], last["ok"], last["error"]["error_type"]) == (step, False, error_type)
    assert key not in str(answer)


async def test_a_url_whose_host_is_taken_for_a_path_is_refused_before_the_answer_begins(tenant: Api) -> None:
    answer = await tenant.post(PROBE, {"endpoint_url": "http://messages"}, headers={"accept": "application/x-ndjson"})

    assert (answer.status, answer.body["param"]) == (400, "endpoint_url"), answer


async def test_a_key_for_other_models_sets_none_up_and_has_nothing_called(stack: Live, tenant: Api) -> None:
    await tenant.add_model("m", stack.model_server_url)
    name = (await tenant.get("/api/changes")).body["changes"][0]["tenant"]
    made = await stack.admin.post("/api/keys", {"tenant": name, "allowed_models": ["openai:*"]})
    limited = stack.api(made.body["key"])

    for answer in (
        await limited.post(SETUP, body("http://no-such-host.invalid/v1")),
        await limited.post(f"{MODELS}/m/test", {}),
    ):
        assert (answer.status, answer.body["error_type"]) == (403, "permission_denied"), answer
        assert "steps" not in answer.body
        assert not any("console" in tip for tip in answer.body["tips"])


async def test_probes_setups_and_tests_are_within_the_limits_of_the_tenant(stack: Live, tenant: Api) -> None:
    await tenant.add_model("there", stack.model_server_url)
    name = (await tenant.get("/api/changes")).body["changes"][0]["tenant"]
    limits = {"rate_per_s": 0.001, "burst": 2}
    assert (await stack.admin.call("PATCH", f"/api/tenants/{name}", limits)).status == 200
    target = {"endpoint_url": stack.model_server_url}

    assert (await tenant.post(PROBE, target)).status == 200
    assert (await tenant.post(SETUP, body(stack.model_server_url))).status == 201  # with its completion one request
    for answer in (
        await tenant.post(PROBE, target),
        await tenant.post(PROBE, target, headers={"accept": "application/x-ndjson"}),
        await tenant.post(SETUP, body(stack.model_server_url) | {"model_id": "n"}),
        await tenant.post(f"{MODELS}/there/test", {}),
    ):
        assert (answer.status, answer.body["error_type"]) == (429, "too_many_requests"), answer
        assert int(answer.headers["retry-after"]) > 0
        assert "steps" not in answer.body


async def test_a_probe_gives_its_place_back_when_its_caller_has_left(stack: Live, tenant: Api) -> None:
    await tenant.add_model("there", stack.model_server_url)
    name = (await tenant.get("/api/changes")).body["changes"][0]["tenant"]
    assert (await stack.admin.call("PATCH", f"/api/tenants/{name}", {"max_in_flight": 1})).status == 200
    target = {"endpoint_url": stack.model_server_url}
    headers = {"accept": "application/x-ndjson", "authorization": f"Bearer {tenant.key}"}
    for _ in range(5):
        async with stack.session.post(tenant.url + PROBE, json=target, headers=headers) as response:
            response.close()

    for _ in range(100):
        if (answer := await tenant.post(PROBE, target)).status == 200:
            break
        await asyncio.sleep(0.1)
    assert answer.status == 200, answer


async def test_stored_secrets_do_not_move_to_another_server_unsaid(stack: Live, tenant: Api) -> None:
    await tenant.add_model("m", stack.model_server_url, api_key=KEY, headers={"x-team": "blue-team"})
    elsewhere = {"endpoint_url": f"http://127.0.0.1:{free_ports(1)[0]}/v1"}

    for fields in ({}, {"api_key": "sk-new-0123"}, {"headers": None}):
        answer = await tenant.call("PATCH", f"{MODELS}/m", elsewhere | fields)
        assert (answer.status, answer.body["param"]) == (400, "endpoint_url"), answer
        assert "in the same request" in answer.body["tips"][0]
    assert (await tenant.get(f"{MODELS}/m")).body["endpoint_url"] == stack.model_server_url

    moved = await tenant.call("PATCH", f"{MODELS}/m", elsewhere | {"api_key": "sk-new-0123", "headers": None})
    assert (moved.status, moved.body["has_api_key"], moved.body["has_headers"]) == (200, True, False), moved
    details = (await tenant.get("/api/changes")).body["changes"][0]["details"]
    assert details == {
        "fields": ["api_key", "endpoint_url", "headers"],
        "old_server": stack.model_server.address,
        "new_server": elsewhere["endpoint_url"].removeprefix("http://").removesuffix("/v1"),
    }


async def test_headers_of_the_transport_are_refused(stack: Live, tenant: Api) -> None:
    for path in (SETUP, MODELS):
        sent = body(stack.model_server_url, provider="openai-compatible", headers={"Content-Length": "0"})
        answer = await tenant.post(path, sent)
        assert (answer.status, answer.body["param"]) == (400, "headers.Content-Length"), answer


async def test_what_is_no_url_is_refused(tenant: Api) -> None:
    for answer in (
        await tenant.post(PROBE, {"endpoint_url": "ftp://h"}),
        await tenant.post(SETUP, {"endpoint_url": "ftp://h", "model_id": "m"}),
    ):
        assert (answer.status, answer.body["error_type"]) == (400, "invalid_request"), answer
        assert answer.body["param"] == "endpoint_url"


async def test_a_stored_model_is_tested_step_by_step(stack: Live, tenant: Api) -> None:
    good = await tenant.add_model("good", stack.model_server_url)
    bad = await tenant.add_model("bad", stack.model_server_url, api_key="sk-invalid-0123")

    passed = await tenant.post(f"{MODELS}/{good}/test", {})
    failed = await tenant.post(f"{MODELS}/{bad}/test", {})

    assert passed.status == 200, passed
    assert steps(passed) == {"dns": True, "tcp": True, "auth": True, "model": True, "answer": True}
    assert failed.body["error_type"] == "authentication_failed"
    assert steps(failed) == {"dns": True, "tcp": True, "auth": False, "answer": False}
    assert failed.body["inference_id"]
    assert any("PATCH /api/models/custom/bad" in tip for tip in failed.body["tips"])


async def test_presets_are_listed_and_need_the_scope(stack: Live, tenant: Api) -> None:
    presets = (await tenant.get("/api/models/presets")).body["presets"]

    ollama = next(one for one in presets if one["name"] == "ollama")
    assert ollama["endpoint_url"] == "http://localhost:11434/v1"
    assert (ollama["provider"], ollama["local"], ollama["key"]) == ("openai-compatible", True, "none")
    assert (await stack.api(None).get("/api/models/presets")).status == 401


async def _draft_of(setup: "asyncio.Task[Answer]", database: asyncpg.Connection) -> None:
    while await database.fetchval(DRAFTS) == 0:
        assert not setup.done(), setup.result()
        await asyncio.sleep(0.02)


async def _left_draft(database: asyncpg.Connection, tenant: Api, stack: Live) -> None:
    """What a gateway leaves that was killed in the middle, some time later."""
    await tenant.add_model("m", stack.model_server_url)
    await database.execute(
        "UPDATE gateway.custom_models SET draft_until = $1, is_active = false "
        "WHERE ctid = (SELECT ctid FROM gateway.custom_models ORDER BY created_at DESC LIMIT 1)",
        datetime.now(UTC) - timedelta(seconds=1),
    )
