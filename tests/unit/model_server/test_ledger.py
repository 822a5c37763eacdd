import asyncio
import hashlib
from typing import Any

import pytest

from deploy.model_server.ledger import Entry, Ledger
from deploy.model_server.service import LEDGER_PAGE
from tests.unit.model_server.client import Client, until

pytestmark = pytest.mark.asyncio


def entry(seq: int, behaviour: str = "demo") -> Entry:
    return Entry(seq, 0.0, "/v1/messages", "anthropic", "demo", False, behaviour, None, None)


async def test_an_entry_tells_all_but_the_secrets(client: Client) -> None:
    headers = {"authorization": "Bearer sk-secret", "x-request-id": "r-1"}
    reply = await client.openai("demo-delay-5", "a private text", headers=headers, stream=True)
    entry = client.last_entry
    assert entry.pop("at").endswith("+00:00")
    assert entry == {
        "seq": 1,
        "path": "/v1/chat/completions",
        "wire": "openai",
        "model": "demo-delay-5",
        "stream": True,
        "behaviour": "demo-delay",
        "request_id": "r-1",
        "key_fingerprint": hashlib.sha256(b"sk-secret").hexdigest()[:12],
        "status": 200,
        "finished": True,
        "aborted_by_client": False,
        "body_bytes": len(reply.body),
        "text_bytes": len(b"echo: a private text"),
        "text_sha256": hashlib.sha256(b"echo: a private text").hexdigest(),
    }


async def test_the_ledger_over_http(client: Client) -> None:
    for model in ("demo", "demo", "fault-500"):
        await client.openai(model)
    await client.anthropic("demo")
    ledger = (await client.request("GET", "/ledger")).json
    assert ledger == client.summary
    assert ledger["total"] == ledger["finished"] == len(ledger["entries"]) == 4
    assert ledger["by_behaviour"] == {"demo": 3, "fault-500": 1}
    assert ledger["by_status"] == {"200": 3, "500": 1}
    assert [entry["wire"] for entry in ledger["entries"]] == ["openai"] * 3 + ["anthropic"]


async def test_entries_can_be_left_out_or_begun_later(client: Client) -> None:
    for _ in range(3):
        await client.openai("demo")
    assert "entries" not in (await client.request("GET", "/ledger?entries=false")).json
    since = (await client.request("GET", "/ledger?since=2")).json
    assert (since["total"], [entry["seq"] for entry in since["entries"]]) == (3, [3])
    assert (await client.request("GET", "/ledger?since=99")).json["entries"] == []
    assert (await client.request("GET", "/ledger?since=x")).status == 400


async def test_a_clear_forgets_counts_and_keeps_on_numbering(client: Client) -> None:
    await client.openai("demo")
    assert (await client.request("DELETE", "/ledger")).status == 200
    assert (client.summary["total"], client.summary["by_status"], client.entries) == (0, {}, [])
    await client.openai("demo")
    assert client.last_entry["seq"] == 2


async def test_an_entry_is_made_before_the_answer(client: Client) -> None:
    calls = [asyncio.create_task(client.openai("demo-delay-100")) for _ in range(10)]
    await until(lambda: client.summary["open"] == 10)
    assert client.summary["by_status"] == {"none": 10}
    await asyncio.gather(*calls)
    assert (client.summary["open"], client.summary["concurrent_peak"]) == (0, 10)
    assert client.summary["by_status"] == {"200": 10}


async def test_the_ledger_answers_under_load(client: Client) -> None:
    async def load() -> None:
        for _ in range(100):
            assert (await client.openai("demo")).status == 200

    async def watch() -> list[Any]:
        return [(await client.request("GET", "/ledger")).json for _ in range(20)]

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(load() for _ in range(8)))
    seen = await watching
    assert all(snapshot["total"] == len(snapshot["entries"]) for snapshot in seen)
    assert client.summary["total"] == client.summary["finished"] == 800


async def test_a_snapshot_does_not_change_with_its_entries() -> None:
    ledger = Ledger()
    received = entry(1)
    ledger.received(received)
    (kept,) = ledger.snapshot()
    ledger.sent(received, 200)
    ledger.ended(received, finished=True)
    assert (kept.status, kept.finished) == (None, False)
    assert (received.status, received.finished) == (200, True)


async def test_a_long_ledger_is_told_whole(client: Client) -> None:
    for seq in range(1, 2 * LEDGER_PAGE + 2):
        client.server.service.ledger.received(entry(seq))
    ledger = (await client.request("GET", "/ledger")).json
    assert [row["seq"] for row in ledger["entries"]] == list(range(1, 2 * LEDGER_PAGE + 2))


async def test_a_full_ledger_drops_the_oldest_and_keeps_its_counts() -> None:
    ledger = Ledger(max_entries=2)
    for seq in (1, 2, 3):
        ledger.received(entry(seq))
    summary = ledger.as_json()
    assert (summary["total"], summary["dropped"], summary["by_behaviour"]) == (3, 1, {"demo": 3})
    assert [kept.seq for kept in ledger.snapshot()] == [2, 3]


async def test_what_was_open_at_a_clear_does_not_count_after_it() -> None:
    ledger = Ledger()
    before = entry(1)
    ledger.received(before)
    ledger.clear()
    ledger.sent(before, 200)
    ledger.ended(before, finished=True)
    assert ledger.summary() == {**Ledger().summary(), "concurrent_peak": 1}
