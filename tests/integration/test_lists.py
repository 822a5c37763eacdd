"""What was asked, by whom and how it ended: in the list, in the live feed and in files the same."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pyarrow.parquet as pq

from tests.support.live import Api, Live

_SAID = {"x-tallygate-session": "checkout-42", "x-tallygate-tags": "team=search,env=prod"}
_TIMEOUT_S = 20.0


class Watching:
    """One live feed as a browser reads it."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def next(self) -> tuple[str, str, dict[str, Any]]:
        """Kind, id and data of the next event."""
        async with asyncio.timeout(_TIMEOUT_S):
            while True:
                lines = [await self._line()]
                while lines[-1]:
                    lines.append(await self._line())
                told = dict(line.split(": ", 1) for line in lines if line and not line.startswith(":"))
                if "data" in told:
                    return told["event"], told.get("id", ""), orjson.loads(told["data"])

    async def _line(self) -> str:
        return (await self._answer.content.readline()).decode().rstrip("\n")


@asynccontextmanager
async def watching(stack: Live, tenant: Api, query: str = "", last_seen: str | None = None) -> AsyncIterator[Watching]:
    headers = {"authorization": f"Bearer {tenant.key}"} | ({"last-event-id": last_seen} if last_seen else {})
    async with stack.session.get(f"{stack.gateway_url}/api/monitoring/live{query}", headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        assert (await answer.content.readline()).startswith(b": ")
        yield Watching(answer)


async def listed(tenant: Api, query: str, count: int) -> list[dict[str, Any]]:
    """Once there are so many."""
    async with asyncio.timeout(_TIMEOUT_S):
        while True:
            answer = await tenant.get(f"/api/inferences{query}")
            assert answer.status == 200, answer
            items: list[dict[str, Any]] = answer.body["items"]
            if len(items) >= count and all(item["settled_at"] for item in items):
                return items
            await asyncio.sleep(0.05)


async def exported(stack: Live, tenant: Api, query: str) -> bytes:
    headers = {"authorization": f"Bearer {tenant.key}"}
    async with stack.session.get(f"{stack.gateway_url}/api/monitoring/export?{query}", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["content-disposition"].startswith('attachment; filename="tallygate-')
        return await answer.read()


async def test_what_was_asked_is_the_same_in_the_list_the_feed_and_the_files(stack: Live, tenant: Api) -> None:
    good = await tenant.add_model("good", stack.model_server_url)
    bad = await tenant.add_model("bad", stack.model_server_url, "fault-401")
    async with watching(stack, tenant) as feed, watching(stack, tenant, "?state=completed") as completed:
        served = await tenant.chat(good, headers=_SAID)
        failed = await tenant.chat(bad, headers={"x-tallygate-session": "other"})
        told = [await feed.next() for _ in range(3)]
        only = await completed.next()
    ids = [answer.headers["x-tallygate-inference-id"] for answer in (served, failed)]
    assert [(kind, data["inference_id"]) for kind, _, data in told] == [
        ("inference", ids[0]), ("attempt", ids[1]), ("inference", ids[1]),
    ]  # fmt: skip
    assert only == told[0]
    assert (told[1][2]["error_type"], told[1][2]["error"]["upstream_status"]) == ("authentication_failed", 401)

    items = await listed(tenant, "?window=1h", 2)
    assert [item["inference_id"] for item in items] == ids[::-1]
    by_feed = {data["inference_id"]: data for kind, _, data in told if kind == "inference"}
    for item in items:
        same = item.keys() - {"accepted_at", "settled_at", "error"}
        assert {name: item[name] for name in same} == {name: by_feed[item["inference_id"]][name] for name in same}
    key_id = items[0]["key"]
    assert (items[1]["session"], items[1]["tags"]) == ("checkout-42", {"team": "search", "env": "prod"})
    timeline = await tenant.settled(ids[0])
    assert (timeline["key"], timeline["session"], timeline["tags"]) == (key_id, "checkout-42", items[1]["tags"])
    for query, wanted in (
        ("session=checkout-42", [ids[0]]), ("tag=team%3Dsearch", [ids[0]]), ("state=failed", [ids[1]]),
        (f"key={key_id}&model={good}", [ids[0]]), ("error_type=authentication_failed", [ids[1]]),
    ):  # fmt: skip
        assert [item["inference_id"] for item in await listed(tenant, f"?{query}", 1)] == wanted

    lines = list(csv.DictReader(io.StringIO((await exported(stack, tenant, "window=1h")).decode(), newline="")))
    assert [line["inference_id"] for line in lines] == ids[::-1]
    assert [line["tags"] for line in lines] == ["", '{"env":"prod","team":"search"}']
    calls = pq.read_table(io.BytesIO(await exported(stack, tenant, "window=1h&what=attempts&format=parquet")))
    assert [call["inference_id"] for call in calls.to_pylist()] == ids[::-1]
    assert {call["key"] for call in calls.to_pylist()} == {key_id}

    async with watching(stack, tenant, last_seen=told[0][1]) as feed:  # with what came in the seconds before
        missed = [(await feed.next())[2]["inference_id"] for _ in range(2)]
    assert missed == ids


async def test_what_cannot_be_is_refused_by_the_gateway(stack: Live, tenant: Api) -> None:
    for path in (
        "/api/inferences?state=done", "/api/inferences?limit=1000", "/api/inferences?cursor=x", "/api/inferences?x=1",
        "/api/inferences?from=2999-01-01", "/api/monitoring/live?state=running", "/api/monitoring/export?format=xlsx",
        "/api/monitoring/export?from=2026-11-24&to=2026-11-23",
    ):  # fmt: skip
        answer = await tenant.get(path)
        assert (answer.status, answer.body["code"]) == (400, "invalid_request"), path
    refused = await tenant.chat("custom:m", headers={"x-tallygate-tags": "no value"})
    assert (refused.status, refused.body["error"]["param"]) == (400, "x-tallygate-tags")
