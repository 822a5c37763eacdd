"""A row that somebody changes in the database is named by `tallygate audit --proof`, and by an export alone."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from tests.support.live import Api, Live

_CHANGE = "UPDATE monitor.attempts SET cost_usd = $2 WHERE inference_id = $1 RETURNING attempt_id::text"


async def test_a_row_that_is_changed_by_hand_is_named(stack: Live, tenant: Api, tmp_path: Path) -> None:
    model = await tenant.add_model("sealed", stack.model_server_url)
    failing = await tenant.add_model("sealed.failing", stack.model_server_url, "fault-401")
    for name in (failing, model):
        inference_id = (await tenant.chat(name)).headers["x-tallygate-inference-id"]
        await tenant.settled(inference_id)
    day = _day_of(UUID(inference_id))
    sealed = json.loads((await stack.command("books", "seal", str(day), "--json")).stdout)
    assert sealed["is_new"]
    assert sealed["rows"] >= 4
    public_key = (await stack.command("books", "public-key")).stdout.strip()
    export = tmp_path / "day.jsonl.gz"
    before = await _audited(stack, "--proof", str(day), "--export", str(export))
    assert (before["valid"], before["topic"], before["rows"]) == (True, "agrees", sealed["rows"])
    assert (await _audited(stack, "--from", str(export), "--public-key", public_key))["valid"]

    database = await asyncpg.connect(stack.environment["DATABASE_URL"])
    cost = await database.fetchval("SELECT cost_usd FROM monitor.attempts WHERE inference_id = $1", inference_id)
    attempt_id = await database.fetchval(_CHANGE, inference_id, 1e6)
    changed = [{"table": "attempts", "inference_id": inference_id, "attempt_id": attempt_id}]
    found = await _audited(stack, "--proof", str(day), "--export", str(export), exit_code=1)
    assert (found["valid"], found["changed"], found["missing"], found["added"]) == (False, changed, [], [])
    exported = await _audited(stack, "--from", str(export), "--public-key", public_key, exit_code=1)
    assert exported["changed"] == changed
    again = json.loads((await stack.command("books", "seal", str(day), "--json", check=False)).stdout)
    assert again["altered"] == 1, "sealing once more signs it no better"
    words = await stack.command("audit", "--proof", str(day), check=False)
    assert f"✗ changed: attempts, inference_id {inference_id}" in words.stdout
    await database.fetchval(_CHANGE, inference_id, cost)
    await database.close()
    assert (await _audited(stack, "--proof", str(day)))["valid"]


async def _audited(stack: Live, *arguments: str, exit_code: int = 0) -> Any:
    done = await stack.command("audit", *arguments, "--json", check=False)
    assert done.returncode == exit_code, done.stdout + done.stderr
    return json.loads(done.stdout)


def _day_of(inference_id: UUID) -> date:
    return datetime.fromtimestamp((inference_id.int >> 80) / 1000, UTC).date()
