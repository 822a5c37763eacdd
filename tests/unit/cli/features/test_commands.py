"""Following a job whose stream breaks off, cancelling one that has ended, and what is asked for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.cli.features import commands as feature
from tests.support.stub_gateway import StubGateway, Told, problem
from tests.unit.cli.conftest import Run

ID = "0197-job"
START = "POST /api/repos/quality/generate-feature"
EVENTS = f"GET /api/features/{ID}/events"
JOB = f"GET /api/features/{ID}"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature, "_AGAIN_AFTER_S", 0.0)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text("a = 1\n")
    return tmp_path


def test_a_stream_that_breaks_off_is_followed_again(gateway: StubGateway, run: Run, checkout: Path) -> None:
    streams: list[Told] = [
        (200, stream(progress("reading"))),
        (502, b"<html>a proxy</html>"),
        (503, problem("unavailable", "restarting")),
        (200, stream(progress("reading"), WRITING, progress("planning")) + b'event: progress\ndata: {"at'),
        (200, stream(progress("reading"), progress("planning"), ("settled", {"state": "completed"}))),
    ]
    job(gateway, "completed", lambda: streams.pop(0))

    result = run("feature", "generate", "wish", "--path", str(checkout))

    assert result.exit_code == 0, result.stderr
    assert "completed · 0 model calls" in result.stdout
    assert [result.stderr.count(step) for step in ("reading", "planning")] == [1, 1]
    assert "the stream of events ended; the job goes on, and is followed again (1 of 9)" in result.stderr
    assert streams == []


def test_a_job_that_is_lost_sight_of_is_not_told_as_cancelled(gateway: StubGateway, run: Run, checkout: Path) -> None:
    job(gateway, "running", lambda: (200, stream(progress("reading"))))

    result = run("feature", "generate", "wish", "--path", str(checkout), "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["error_type"] == "unavailable"
    assert f"the job {ID} still runs, and goes on spending" in result.stderr
    assert f"tallygate feature show {ID}" in result.stderr
    assert "cancelled" not in result.stderr
    assert gateway.calls.count(EVENTS) == feature._TRIES


def test_a_refusal_is_told_at_once(gateway: StubGateway, run: Run, checkout: Path) -> None:
    job(gateway, "running", lambda: (401, problem("invalid_api_key", "it was revoked")))

    result = run("feature", "generate", "wish", "--path", str(checkout))

    assert "✗ invalid_api_key: it was revoked" in result.stderr
    assert gateway.calls.count(EVENTS) == 1


@pytest.mark.parametrize(
    ("state", "sentence"),
    [("completed", f"{ID} had ended before: completed"), ("running", f"✓ {ID} is being cancelled; it was running")],
)
def test_cancel_tells_the_state_that_the_gateway_told(
    gateway: StubGateway, run: Run, state: str, sentence: str
) -> None:
    body = {"feature_id": ID, "state": state}
    gateway.answers[f"DELETE /api/features/{ID}"] = (202, body)

    assert run("feature", "cancel", ID).stdout == f"{sentence}\n"
    assert json.loads(run("feature", "cancel", ID, "--json").stdout) == body


def test_a_branch_of_a_repository_can_be_named(gateway: StubGateway, run: Run) -> None:
    job(gateway, "completed", lambda: (200, stream(("settled", {"state": "completed"}))))

    result = run("feature", "generate", "wish", "--repo", "https://git.invalid/a", "--ref", "next")

    assert result.exit_code == 0, result.output
    assert gateway.asked[0].body["ref"] == "next"
    refused = run("feature", "generate", "wish", "--ref", "next")
    assert refused.exit_code == 1
    assert "--ref goes with --repo" in refused.stderr


def test_the_help_says_what_a_pattern_means(run: Run) -> None:
    text = " ".join(run("feature", "generate", "--help").stdout.split())

    assert "Patterns of --only and --write-to mean the same" in text
    assert "src/**/*.py" in text


def job(gateway: StubGateway, state: str, events: Callable[[], Told]) -> None:
    told: dict[str, Any] = {"feature_id": ID, "state": state, "result": None, "error": None}
    gateway.answers |= {
        START: (202, {"feature_id": ID, "state": "accepted"}),
        EVENTS: events,
        JOB: (200, told | {"progress": [], "inferences": [], "cost_usd": None}),
    }


WRITING = ("writing", {"at": "2026-01-01T00:00:00+00:00", "step": "planning", "characters": 1234})


def progress(step: str) -> tuple[str, dict[str, str]]:
    return "progress", {"at": "2026-01-01T00:00:00+00:00", "step": step, "message": "as it should"}


def stream(*events: tuple[str, Any]) -> bytes:
    return "".join(f"event: {name}\ndata: {json.dumps(event)}\n\n" for name, event in events).encode()
