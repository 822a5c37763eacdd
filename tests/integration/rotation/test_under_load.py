"""While callers send requests, secrets get under a new key: no call fails, and then the old key can be removed."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.__main__ import SEALED_PLACES
from shared.client import Answer
from shared.client.requests import BATCHES, FILES, WEBHOOKS
from shared.crypto.sealed import sealing_key_id
from shared.db.pool import Connection
from tests.support.batches import as_file, batch_line, batch_settled
from tests.support.live import Live
from tests.support.own_stack import RestartableServices
from tests.support.rotation import (
    NEW_FIRST,
    NEW_ONLY,
    OLD_FIRST,
    Tenant,
    add_messages,
    add_provider_keys,
    by_key,
    calls_every_model,
    new_tenant,
    provider_keys,
    result_of,
    rotate_within,
    start_rotation,
    status_of,
)

_CALLERS = 16
_TENANTS, _MODELS_EACH, _MESSAGES_EACH = 5, 10, 800
_REQUESTS = 100  # before and after each rotation
_RESPONSES = "/v1/responses"
_CODEBASE = "/api/codebase/chat"


@pytest.mark.timeout(180)
async def test_under_load_no_request_fails_and_then_the_new_key_alone_opens_everything(
    own: Live, database: Connection, services: RestartableServices
) -> None:
    tenants = await asyncio.gather(*(furnished_tenant(own) for _ in range(_TENANTS)))
    ids = [tenant.id for tenant in tenants]
    for tenant_id in ids:
        await add_provider_keys(database, tenant_id, {"openai": f"sk-o-{tenant_id}", "anthropic": f"sk-a-{tenant_id}"})
        await add_messages(database, tenant_id, _MESSAGES_EACH)
    await lines_in_flight(database, _TENANTS)
    before = await versions(database, ids)
    status = await status_of(own, OLD_FIRST)
    assert by_key(status)["custom_models.sealed_headers"] == {"k1": _TENANTS * _MODELS_EACH}

    answers = await rotated_under_load(own, tenants)

    sys.stderr.write(f"{len(answers)} requests during three rotations\n")
    assert len(answers) >= 4 * _REQUESTS
    assert {answer.status for answer in answers} == {200}
    assert {answer.headers["x-tallygate-attempts"] for answer in answers} == {"1"}
    # Three rotations, of two columns of the models and one of the providers: at least one change of the registry each.
    assert all(after >= before[tenant_id] + 9 for tenant_id, after in (await versions(database, ids)).items())

    status = await status_of(own, NEW_FIRST)
    found = {place: set(keys) for place, keys in by_key(status).items()}
    assert found == {
        of.name: set() if "features" in of.name else {"k2"} for of in SEALED_PLACES
    }  # nobody wished for one
    assert status["removable_keys"] == ["k1"]
    assert (await status_of(own, NEW_ONLY))["unreadable"] == []
    assert {sealing_key_id(sealed) for sealed in (await provider_keys(database, ids[0])).values()} == {"k2"}

    await asyncio.gather(*(end_batch(tenant) for tenant in tenants))
    restarted = await services.running_with({"TALLYGATE_KEYS": NEW_ONLY})
    for tenant in tenants:
        tenant.api = restarted.api(tenant.api.key)
    await serves_everything(restarted, tenants)


async def furnished_tenant(own: Live) -> Tenant:
    """With models, an answer to repeat, a response that is kept, one in the background, a chat that was remembered, the
    two secrets of a webhook, a file, and a line of a batch in flight."""
    tenant = await new_tenant(own)
    for number in range(_MODELS_EACH):
        key = f"sk-{tenant.id}-{number}"
        headers = {"x-team": f"team-{number}"}
        model = await tenant.api.add_model(f"model-{number}", own.model_server_url, api_key=key, headers=headers)
        tenant.keys[model] = key
    model = next(iter(tenant.keys))
    tenant.answer = await tenant.api.chat(model, "once", headers=tenant.repeatable)
    assert tenant.answer.status == 200
    for text in ("one", "two"):
        asked = await tenant.api.post(_CODEBASE, {"sessionId": "s", "message": text, "model": model})
        assert asked.status == 200
    kept = await tenant.api.post(_RESPONSES, {"input": "three", "model": model})
    tenant.kept_response = str(kept.body["id"])
    later = await tenant.api.post(_RESPONSES, {"input": "four", "model": model, "background": True})
    tenant.later_response = str(later.body["id"])
    hook = await tenant.api.post(WEBHOOKS, {"url": own.model_server_url, "events": ["feature.settled"]})
    assert (await tenant.api.post(f"{WEBHOOKS}/{hook.body['id']}/rotate-secret", {})).status == 200
    tenant.file = await tenant.api.add_file(b"four")
    tenant.batch = await endless_batch(own, tenant)
    return tenant


async def endless_batch(own: Live, tenant: Tenant) -> str:
    """Of one line, whose model does not answer."""
    model = await tenant.api.add_model("hangs", own.model_server_url, "fault-hang", timeout_s=60)
    line = batch_line("five", _RESPONSES, {"input": "five", "model": model})
    file = await tenant.api.add_file(as_file([line]))
    asked = {"input_file_id": file, "endpoint": _RESPONSES, "completion_window": "24h"}
    batch = await tenant.api.post(BATCHES, asked)
    assert batch.status == 200, batch
    return str(batch.body["id"])


async def lines_in_flight(database: Connection, lines: int) -> None:
    """Returns when there are so many."""
    async with asyncio.timeout(30):
        while await database.fetchval("SELECT count(*) FROM gateway.batch_lines") < lines:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def end_batch(tenant: Tenant) -> None:
    assert (await tenant.api.post(f"{BATCHES}/{tenant.batch}/cancel", {})).status == 200
    assert (await batch_settled(tenant.api, tenant.batch))["status"] == "cancelled"


async def versions(database: Connection, tenant_ids: list[str]) -> dict[str, int]:
    rows = await database.fetch(
        "SELECT tenant_id, registry_version FROM gateway.tenants WHERE tenant_id = ANY($1::text[])", tenant_ids
    )
    return {row["tenant_id"]: row["registry_version"] for row in rows}


async def rotated_under_load(own: Live, tenants: list[Tenant]) -> list[Answer]:
    """To the new key, back, and to the new key again, all within one load; what callers got."""
    async with load(tenants) as answers:
        await more(answers)
        for keys, rotation in ((NEW_FIRST, rotate_within), (OLD_FIRST, rotate_within), (NEW_FIRST, as_operator)):
            result = await rotation(own, keys)
            assert result["unreadable"] == []
            await more(answers)
    return answers


async def as_operator(own: Live, keys: str) -> dict[str, Any]:
    assert keys == NEW_FIRST
    return await result_of(start_rotation(own))


async def more(answers: list[Answer]) -> None:
    """Returns when callers have got as many answers again."""
    wanted = len(answers) + _REQUESTS
    async with asyncio.timeout(30):
        while len(answers) < wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@asynccontextmanager
async def load(tenants: list[Tenant]) -> AsyncIterator[list[Answer]]:
    """Callers that send one request after the other, each to any model, until the block ends."""
    answers: list[Answer] = []
    going_on = True

    async def caller() -> None:
        while going_on:
            tenant = random.choice(tenants)
            answers.append(await tenant.api.chat(random.choice(list(tenant.keys)), "hello"))

    callers = [asyncio.create_task(caller()) for _ in range(_CALLERS)]
    try:
        yield answers
    finally:
        going_on = False
        await asyncio.gather(*callers)


async def serves_everything(own: Live, tenants: list[Tenant]) -> None:
    """Every model is called with its own key; what was answered and remembered before can be read."""
    await calls_every_model(own, tenants)
    for tenant in tenants:
        history = await tenant.api.get(f"{_CODEBASE}?sessionId=s")
        assert [one["content"] for one in history.body["messages"]] == ["one", "echo: one", "two", "echo: two"]
        for response_id, said in ((tenant.kept_response, "echo: three"), (tenant.later_response, "echo: four")):
            kept = await tenant.api.get(f"{_RESPONSES}/{response_id}")
            assert kept.body["output"][0]["content"][0]["text"] == said
        assert (await tenant.api.get(f"{FILES}/{tenant.file}/content")).text == "four"
        repeat = await tenant.api.chat(next(iter(tenant.keys)), "once", headers=tenant.repeatable)
        assert repeat.headers["idempotency-replayed"] == "true"
        assert tenant.answer is not None
        assert repeat.body == tenant.answer.body
