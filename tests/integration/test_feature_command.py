"""`tallygate feature` on a checkout, as a developer runs it."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.support.features import edit, ended, plan, scripted, wished, written
from tests.support.live import Api, Live

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Coroutine[Any, Any, Done]]

GREET = 'def greet() -> str:\n    return "hello"\n'
BYE = 'def bye() -> str:\n    return "bye"\n'
PLAN = plan(("bye.py", "create"), ("greet.py", "edit"))
CHANGE = written({"bye.py": BYE, "greet.py": edit('    return "hello"', '    return "hello, you"')})


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "greet.py").write_text(GREET)
    (root / ".env").write_text("TOKEN=of-nobody-s-business\n")
    return root


@pytest.fixture
def run(stack: Live, tenant: Api) -> Run:
    async def run(*arguments: str, exit_code: int = 0) -> Done:
        done = await stack.command("feature", *arguments, "--key", str(tenant.key), check=False)
        assert done.returncode == exit_code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def generate(checkout: Path, model: str, *more: str) -> tuple[str, ...]:
    return ("generate", "say bye", "--path", str(checkout), "--model", model, *more)


def files_of(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}


async def test_a_diff_is_shown_and_nothing_written(stack: Live, tenant: Api, run: Run, checkout: Path) -> None:
    before = files_of(checkout)
    model = await scripted(stack, tenant, PLAN, CHANGE)

    done = await run(*generate(checkout, model.model))

    for line in ("create bye.py (python)", "+def bye() -> str:", "edit greet.py (python)", '+    return "hello, you"'):
        assert line in done.stdout
    assert "completed · 2 model calls" in done.stdout
    assert [step for step in ("reading", "planning", "writing", "checking", "done") if step not in done.stderr] == []
    assert files_of(checkout) == before
    assert not any("nobody-s-business" in text for text in await model.asked())


async def test_files_are_written_when_asked_for(stack: Live, tenant: Api, run: Run, checkout: Path) -> None:
    before = files_of(checkout)
    model = await scripted(stack, tenant, PLAN, CHANGE)

    done = await run(*generate(checkout, model.model, "--apply", "--json"))

    assert json.loads(done.stdout)["state"] == "completed"
    assert "✓ wrote bye.py" in done.stderr
    assert files_of(checkout) == before | {"bye.py": BYE, "greet.py": GREET.replace("hello", "hello, you")}


async def test_a_file_that_was_changed_meanwhile_is_kept(stack: Live, tenant: Api, run: Run, checkout: Path) -> None:
    model = await scripted(stack, tenant, PLAN, CHANGE | {"delay_ms": 1000})
    running = asyncio.create_task(run(*generate(checkout, model.model, "--apply"), exit_code=1))
    await model.asked_times(2)
    (checkout / "greet.py").write_text("# mine\n")
    before = files_of(checkout)

    done = await running

    assert "nothing was written: greet.py was changed since it was sent" in done.stderr
    assert files_of(checkout) == before


async def test_nothing_is_written_outside(stack: Live, tenant: Api, run: Run, checkout: Path) -> None:
    before = files_of(checkout.parent)
    evil = written({"../escape.py": BYE, "/tmp/escape.py": BYE, ".git/hooks/pre-commit": BYE, "bye.py": BYE})  # noqa: S108
    model = await scripted(stack, tenant, PLAN, evil | {"times": None})

    done = await run(*generate(checkout, model.model, "--apply"), exit_code=1)

    assert "✗ generation_invalid: " in done.stderr
    assert "the path leaves the repository" in done.stdout
    assert files_of(checkout.parent) == before


async def test_a_link_leads_nowhere(stack: Live, tenant: Api, run: Run, checkout: Path) -> None:
    (checkout.parent / "outside").mkdir()
    (checkout / "link").symlink_to(checkout.parent / "outside")
    model = await scripted(stack, tenant, plan(("link/bye.py", "create")), written({"link/bye.py": BYE}))

    done = await run(*generate(checkout, model.model, "--apply"), exit_code=1)

    assert "leads through the link" in done.stderr
    assert files_of(checkout.parent / "outside") == {}


async def test_a_job_that_fails_says_why(stack: Live, tenant: Api, run: Run, checkout: Path) -> None:
    model = await tenant.add_model("bad", stack.model_server_url, "fault-401")

    done = await run(*generate(checkout, model), exit_code=1)

    assert "✗ authentication_failed: " in done.stderr
    assert "→ Then test it: tallygate models test custom:bad" in done.stderr
    refused = await run(*generate(checkout, model, "--generator", "magic"), exit_code=1)
    assert "✗ generator_unavailable: " in refused.stderr


async def test_jobs_are_listed_shown_and_cancelled(stack: Live, tenant: Api, run: Run) -> None:
    model = await scripted(stack, tenant, {"delay_ms": 60_000})
    files = [{"path": "greet.py", "content": GREET}]
    done_id = await wished(tenant, files=files, generator="template")
    await ended(tenant, done_id)
    hanging_id = await wished(tenant, files=files, model=model.model)
    await model.asked_times(1)

    listed: dict[str, Any] = json.loads((await run("list", "--json")).stdout)
    assert [(one["feature_id"], one["state"]) for one in listed["features"]] == [
        (hanging_id, "running"), (done_id, "completed"),
    ]  # fmt: skip
    assert done_id[:8] in (await run("list")).stdout
    assert "completed · 0 model calls" in (await run("show", done_id)).stdout
    assert f"{hanging_id} is being cancelled; it was running" in (await run("cancel", hanging_id)).stdout
    assert (await ended(tenant, hanging_id))["state"] == "cancelled"
    assert f"{done_id} had ended before: completed" in (await run("cancel", done_id)).stdout
    assert "✗ invalid_request: there is no feature job" in (await run("show", "nonsense", exit_code=1)).stderr


async def test_the_worker_is_part_of_the_status(stack: Live) -> None:
    body = json.loads((await stack.command("status", "--json")).stdout)

    (worker,) = (one for one in body["services"] if one["service"] == "features")
    assert worker["ready"] is True
    assert worker["url"].endswith(stack.environment["TALLYGATE_FEATURES_PORT"])
