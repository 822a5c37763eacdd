"""Batches on the running system: every endpoint, and whoever dies while lines are in flight."""

import asyncio
import signal
from typing import Any

import aiohttp
import pytest

from tests.support.batches import as_file, batch_line, batch_settled, lines_of, uploaded
from tests.support.live import Api, Live

CHAT = "/v1/chat/completions"
LINES = 300


async def created(stack: Live, tenant: Api, lines: list[dict[str, Any]], endpoint: str = CHAT) -> dict[str, Any]:
    file_id = await uploaded(tenant, stack.session, as_file(lines))
    asked = {"input_file_id": file_id, "endpoint": endpoint, "completion_window": "24h"}
    answer = await tenant.post("/v1/batches", asked)
    assert answer.status == 200, answer
    body: dict[str, Any] = answer.body
    return body


def question(number: int, model: str) -> dict[str, Any]:
    return batch_line(f"c{number}", CHAT, {"model": model, "messages": [{"role": "user", "content": f"ask {number}"}]})


async def progressed(tenant: Api, batch_id: str, lines: int) -> None:
    async with asyncio.timeout(90):
        while True:
            try:
                counts = (await tenant.get(f"/v1/batches/{batch_id}")).body["request_counts"]
            except (aiohttp.ClientError, KeyError):
                counts = {"completed": 0, "failed": 0}
            if counts["completed"] + counts["failed"] >= lines:
                return
            await asyncio.sleep(0.05)


@pytest.mark.timeout(300)
async def test_no_line_is_lost_or_asked_twice_whoever_dies(stack: Live, tenant: Api) -> None:
    """A tenth of the lines goes to a model that always fails."""
    good = await tenant.add_model("good", stack.model_server_url, "demo-delay-150")
    bad = await tenant.add_model("bad", stack.model_server_url, "fault-400")
    before = (await stack.model_server.ledger(entries=False))["by_behaviour"]
    batch = await created(stack, tenant, [question(n, bad if n % 10 == 0 else good) for n in range(LINES)])

    for at, program in ((40, "jobs"), (90, "router"), (140, "gateway"), (190, "jobs")):
        await progressed(tenant, batch["id"], at)
        stack.stack.signal_program(program, signal.SIGKILL)
        await asyncio.to_thread(stack.stack.wait_ready, program)

    ended = await batch_settled(tenant, batch["id"])
    assert (ended["status"], ended["errors"]) == ("completed", None)
    assert ended["request_counts"] == {"total": LINES, "completed": LINES - LINES // 10, "failed": LINES // 10}
    output = await lines_of(tenant, stack.session, ended["output_file_id"])
    error = await lines_of(tenant, stack.session, ended["error_file_id"])
    told = {one["custom_id"]: one["response"]["body"] for one in output}
    assert {one["custom_id"] for one in error} == {f"c{n}" for n in range(0, LINES, 10)}
    assert {one["response"]["body"]["error"]["code"] for one in error} == {"invalid_request"}
    assert len(output) == len(told) == LINES - LINES // 10
    for number in (n for n in range(LINES) if n % 10):
        assert told[f"c{number}"]["choices"][0]["message"]["content"] == f"echo: ask {number}"

    inferences = await of_session(tenant, ended["session"])
    assert len(inferences) == LINES
    after = (await stack.model_server.ledger(entries=False))["by_behaviour"]
    calls = after["demo-delay"] - before.get("demo-delay", 0)
    in_flight_at_the_kill = sum(one["attempts"] > 1 for one in inferences)
    assert LINES - LINES // 10 <= calls <= LINES - LINES // 10 + in_flight_at_the_kill


async def of_session(tenant: Api, session: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await tenant.get(f"/api/inferences?session={session}&limit=200{cursor}")).body
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


_BODIES: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "hi"}]},
    "/v1/messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 50},
    "/v1/completions": {"prompt": "hi", "max_tokens": 50},
    "/v1/responses": {"input": "hi"},
    "/v1/embeddings": {"input": ["hi", "ho"]},
    "/v1/rerank": {"query": "hi", "documents": ["hi", "ho"]},
}


@pytest.mark.parametrize("endpoint", _BODIES, ids=[path.rpartition("/")[2] for path in _BODIES])
async def test_a_line_is_told_as_its_endpoint_answers(stack: Live, tenant: Api, endpoint: str) -> None:
    """And what that would refuse is refused in its words."""
    model = await tenant.add_model("model", stack.model_server_url)
    good = _BODIES[endpoint] | {"model": model}
    bodies = {"good": good, "gone": good | {"model": "custom:gone"}, "streamed": good | {"stream": True}}
    waited = (await tenant.post(endpoint, good)).body

    batch = await created(stack, tenant, [batch_line(name, endpoint, body) for name, body in bodies.items()], endpoint)

    ended = await batch_settled(tenant, batch["id"])
    output = await lines_of(tenant, stack.session, ended["output_file_id"])
    error = await lines_of(tenant, stack.session, ended["error_file_id"])
    told = {one["custom_id"]: one["response"] for one in (*output, *error)}
    assert set(told["good"]["body"]) == set(waited)
    assert told["good"]["status_code"] == 200
    assert told["gone"]["status_code"] == 404
    assert told["gone"]["body"]["error"]["code"] == "model_not_found"
    if endpoint not in ("/v1/embeddings", "/v1/rerank"):
        assert told["streamed"]["status_code"] == 400
