"""The tallygate command against a whole Tallygate, as an operator runs it."""

import json
import subprocess
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.support.live import Api, Live

Done = subprocess.CompletedProcess[str]


class Run(Protocol):
    async def __call__(self, *arguments: str, exit_code: int = 0) -> Done: ...


@pytest.fixture
def run(stack: Live, tenant: Api) -> Run:
    """With the key of a tenant of its own, so that counts are its own too."""

    async def run(*arguments: str, exit_code: int = 0) -> Done:
        return await _command(stack, *arguments, "--key", str(tenant.key), exit_code=exit_code)

    return run


async def test_a_model_is_added_tested_and_used(stack: Live, run: Run) -> None:
    prices = ("--input-price", "1", "--output-price", "2")
    added = _json(await run("models", "add", *_model(stack, "good", "demo"), *prices, "--json"))
    assert added["model"]["is_active"] is True
    assert added["test"]["ok"] is True

    listed = (await run("models", "list")).stdout
    assert "custom:good" in listed
    model = _json(await run("models", "show", "good", "--json"))
    assert model["price"] == {"input_per_mtok_usd": 1, "output_per_mtok_usd": 2}
    assert "custom:good answered in" in (await run("models", "test", "good")).stdout

    assert (await run("chat", "hello there")).stdout == "echo: hello there\n"
    assert (await run("chat", "again", "--session", "s", "--model", "custom:good")).stdout == "echo: again\n"

    await run("models", "remove", "good", "--yes")
    assert "custom:good" not in (await run("models", "list")).stdout


async def test_a_model_that_does_not_answer_is_not_kept(stack: Live, run: Run) -> None:
    done = await run("models", "add", *_model(stack, "bad", "fault-401"), "--api-key", "sk-not-this-one", exit_code=1)

    assert "✗ authentication_failed: " in done.stderr
    assert "attempt 1: custom:bad authentication_failed (401)" in done.stderr
    assert "→ Give a key that the endpoint accepts" in done.stderr
    assert "✓ tcp    " in done.stderr
    assert "✗ answer " in done.stderr
    assert "sk-not-this-one" not in done.stdout + done.stderr
    await run("models", "show", "bad", exit_code=1)


async def test_models_of_a_file_are_applied_and_exported(stack: Live, run: Run, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-of-the-file\n")
    file, copy = tmp_path / "models.yaml", tmp_path / "copy.yaml"
    file.write_text(
        f"""
models:
  - model_id: first
    endpoint_url: {stack.model_server_url}/chat/completions
    provider: openai-compatible
    api_key: {{file: key}}
    config: {{model: demo, temperature: 0.2}}
    price: {{input_per_mtok_usd: 1, output_per_mtok_usd: 2}}
  - {{model_id: second, endpoint_url: {stack.model_server_url}, provider: openai-compatible, is_active: false}}
"""
    )
    assert _statuses(await run("models", "apply", "-f", str(file), "--dry-run", "--json")) == ["created", "created"]
    assert _json(await run("models", "list", "--json"))["total"] == 0
    assert _statuses(await run("models", "apply", "-f", str(file), "--json")) == ["created", "created"]
    assert _statuses(await run("models", "apply", "-f", str(file), "--json")) == ["unchanged", "unchanged"]
    assert (await run("chat", "hello", "--model", "custom:first")).stdout == "echo: hello\n"

    await run("models", "export", "-o", str(copy))
    text = copy.read_text()
    assert "env: TALLYGATE_FIRST_API_KEY" in text
    assert "sk-of-the-file" not in text
    refused = await run("models", "apply", "-f", str(copy), exit_code=1)
    assert "the variable TALLYGATE_FIRST_API_KEY is not set; nothing was changed" in refused.stderr
    copy.write_text(text.replace("env: TALLYGATE_FIRST_API_KEY", "file: key"))
    assert _statuses(await run("models", "apply", "-f", str(copy), "--json")) == ["unchanged", "unchanged"]

    copy.write_text(copy.read_text().replace("temperature: 0.2", "temperature: 0.3"))
    changed = _json(await run("models", "apply", "-f", str(copy), "--json"))["models"]
    assert [(one["status"], one["fields"]) for one in changed] == [("changed", ["config"]), ("unchanged", [])]


async def test_a_failed_chat_is_explained_and_shown(stack: Live, run: Run) -> None:
    await run("models", "add", *_model(stack, "bad", "fault-401"), "--no-test")

    done = await run("chat", "hello", "--model", "custom:bad", "--json", exit_code=1)

    assert "✗ authentication_failed: " in done.stderr
    assert "→ " in done.stderr
    inference_id = _json(done)["inference_id"]
    shown = (await run("show", inference_id)).stdout
    assert f"inference {inference_id} failed" in shown
    assert "✓ custom:bad  named by the request" in shown
    assert "1 custom:bad  failed after" in shown
    assert "→ Store a valid key" in shown
    assert (
        _json(await run("show", inference_id, "--json"))["attempts"][0]["error"]["error_type"]
        == "authentication_failed"
    )


async def test_the_books_are_summed_up(stack: Live, tenant: Api, run: Run) -> None:
    await run("models", "add", *_model(stack, "bad", "fault-401"), "--no-test")
    await run("chat", "hello", "--model", "custom:bad", exit_code=1)
    await tenant.monitoring(total=1)

    body = _json(await run("monitor", "--window", "15m", "--json"))

    assert body["requests"]["by_error_type"] == {"authentication_failed": 1}
    text = (await run("monitor", "--model", "custom:bad")).stdout
    assert "recent errors" in text
    assert "→ Store a valid key" in text
    await run("monitor", "--window", "soon", exit_code=1)


async def test_keys_are_made_listed_and_revoked(stack: Live) -> None:
    tenant = f"t-{uuid.uuid4().hex[:12]}"
    made = _json(await _command(stack, "keys", "create", "--tenant", tenant, "--scope", "inference", "--json"))
    assert made["tenant"] == tenant

    await _command(stack, "models", "list", "--key", made["key"])
    assert made["key_id"] in (await _command(stack, "keys", "list", "--tenant", tenant)).stdout
    assert "needs admin" in (await _command(stack, "keys", "list", "--key", made["key"], exit_code=1)).stderr

    await _command(stack, "keys", "revoke", made["key_id"])
    refused = await _command(stack, "models", "list", "--key", made["key"], exit_code=1)
    assert "✗ authentication_failed: the API key is unknown or was revoked" in refused.stderr


async def test_status_and_audit_as_processes_of_their_own(stack: Live) -> None:
    body = _json(await stack.process("status", "--json"))
    assert body["ready"] is True
    assert [one["service"] for one in body["services"]] == ["gateway", "monitor", "router", "features", "jobs"]
    assert body["books"]["problem"] is None

    assert _json(await stack.process("audit", "--json"))["violations"] == []


async def test_operators_commands_find_the_local_run(stack: Live) -> None:
    """From its home alone: nothing in the environment names broker, database, keys or ports."""
    named = ("KAFKA_", "DATABASE_", "TALLYGATE_")
    bare = {name: value for name, value in stack.environment.items() if not name.startswith(named)}
    beside = replace(stack, environment=bare | {"TALLYGATE_HOME": str(stack.stack.home.path)})

    commands = "audit, books size, topics check, dlq list, migrate, secrets status, secrets rotate, status, keys list"
    for command in commands.split(", "):
        await _command(beside, *command.split())
    nowhere = replace(stack, environment=bare | {"TALLYGATE_HOME": "/nonexistent"})
    refused = await _command(nowhere, "audit", exit_code=1)
    assert "KAFKA_BOOTSTRAP_SERVERS is not set, and there is no local run in /nonexistent" in refused.stderr


async def test_a_failure_of_a_process_of_its_own_is_one_sentence(stack: Live) -> None:
    done = await stack.process("models", "list", "--gateway", "http://127.0.0.1:1", check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("✗ endpoint_unreachable: nothing answers at http://127.0.0.1:1: Connection refused")
    assert "make run" in done.stderr


async def _command(stack: Live, *arguments: str, exit_code: int = 0) -> Done:
    done = await stack.command(*arguments, check=False)
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def _model(stack: Live, model_id: str, behaviour: str) -> tuple[str, ...]:
    return ("--id", model_id, "--endpoint", stack.model_server_url, "--model", behaviour)


def _json(done: Done) -> Any:
    return json.loads(done.stdout)


def _statuses(done: Done) -> list[str]:
    return [one["status"] for one in _json(done)["models"]]
