import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from services.cli import batch as command
from tests.support.stub_gateway import StubGateway, problem
from tests.unit.cli.conftest import Run

CHAT = "/v1/chat/completions"
LINE = json.dumps({"custom_id": "c", "method": "POST", "url": CHAT, "body": {}}) + "\n"
COUNTS = {"total": 2, "completed": 2, "failed": 0}
BATCH: dict[str, Any] = {
    "id": "batch_1", "object": "batch", "endpoint": CHAT, "errors": None, "input_file_id": "file-1",
    "completion_window": "24h", "status": "completed", "output_file_id": "file-2", "error_file_id": None,
    "created_at": 1_790_000_000, "in_progress_at": 1_790_000_001, "expires_at": 1_790_086_400, "finalizing_at": None,
    "completed_at": 1_790_000_100, "failed_at": None, "expired_at": None, "cancelling_at": None, "cancelled_at": None,
    "request_counts": COUNTS, "metadata": None, "waiting_for": None, "session": "batch_1",
}  # fmt: skip
SESSIONS = {"sessions": [{"session": "batch_1", "cost_usd": 0.5}]}
NEWEST = "GET /v1/batches?limit=100"
COST = "GET /api/monitoring/sessions?from=2026-09-21T14%3A13%3A20%2B00%3A00"


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_LOOK_EVERY_S", 0.001)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "lines.jsonl"
    made.write_text(LINE)
    return made


def page(*batches: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"data": batches, "has_more": False, "last_id": None}


def hash_of(text: str) -> str:
    return hashlib.sha256((text + CHAT).encode()).hexdigest()


def test_a_file_is_run_to_its_end_and_its_answers_are_beside_it(
    gateway: StubGateway, run: Run, file: Path, tmp_path: Path
) -> None:
    going = BATCH | {"status": "in_progress", "request_counts": COUNTS | {"completed": 1}}
    looks = iter([going, BATCH])
    gateway.answers |= {
        NEWEST: page(),
        "POST /v1/files": (200, {"id": "file-1"}),
        "POST /v1/batches": (200, going | {"status": "validating"}),
        "GET /v1/batches/batch_1": lambda: (200, next(looks)),
        COST: (200, SESSIONS),
        "GET /v1/files/file-2/content": (200, b'{"custom_id": "c"}\n'),
    }

    done = run("batch", "run", str(file))

    assert done.exit_code == 0, done.output
    uploaded = next(one.body for one in gateway.asked if one.path == "/v1/files")
    assert LINE.encode() in uploaded
    assert b'name="purpose"\r\n\r\nbatch\r\n' in uploaded
    asked = next(one.body for one in gateway.asked if one.method == "POST" and one.path == "/v1/batches")
    assert (asked["input_file_id"], asked["endpoint"]) == ("file-1", CHAT)
    assert asked["metadata"]["tallygate_sha256"] == hash_of(LINE)
    assert "1 of 2 lines" in done.stderr
    assert "$0.5 so far, about $1 in all" in done.stderr
    assert (tmp_path / "lines.output.jsonl").read_text() == '{"custom_id": "c"}\n'


def test_run_once_more_it_goes_on(gateway: StubGateway, run: Run, file: Path) -> None:
    known = BATCH | {"metadata": {"tallygate_sha256": hash_of(LINE)}}
    other = BATCH | {"id": "batch_2", "metadata": {"tallygate_sha256": "x"}}
    cancelled = known | {"id": "batch_3", "status": "cancelled"}
    gateway.answers |= {
        NEWEST: page(other, cancelled, known), COST: (200, SESSIONS), "GET /v1/files/file-2/content": (200, b""),
    }  # fmt: skip

    done = run("batch", "run", str(file))

    assert done.exit_code == 0, done.output
    assert not [one for one in gateway.asked if one.method == "POST"]
    assert "goes on with batch_1" in done.stderr


def test_what_failed_is_an_exit_status_and_says_where(gateway: StubGateway, run: Run, file: Path) -> None:
    wrong = {"line": 3, "code": "mismatched_url", "message": "url must be another", "param": "url"}
    failed = BATCH | {"status": "failed", "output_file_id": None, "errors": {"object": "list", "data": [wrong]}}
    gateway.answers |= {
        NEWEST: page(), "POST /v1/files": (200, {"id": "file-1"}), "POST /v1/batches": (200, failed),
        COST: (403, problem("permission_denied", "no")),
    }  # fmt: skip

    done = run("batch", "run", str(file))

    assert done.exit_code == 1
    assert "line 3: url must be another (mismatched_url)" in done.stdout


@pytest.mark.parametrize("text", ["", "x", "[]", '{"url": "/v1/else"}'], ids=["empty", "text", "list", "else"])
def test_a_file_without_an_endpoint_is_not_sent(gateway: StubGateway, run: Run, file: Path, text: str) -> None:
    file.write_text(text)
    done = run("batch", "run", str(file))
    assert (done.exit_code, gateway.asked) == (1, [])
    assert "--endpoint" in done.stderr


def test_they_are_listed_shown_and_cancelled(gateway: StubGateway, run: Run) -> None:
    waits = BATCH | {"status": "in_progress", "waiting_for": "the budget is used up"}
    gateway.answers |= {
        "GET /v1/batches?limit=20": page(BATCH), "GET /v1/batches/batch_1": (200, waits), COST: (200, SESSIONS),
        "POST /v1/batches/batch_1/cancel": (200, BATCH | {"status": "cancelling"}),
    }  # fmt: skip

    assert run("batch", "list").stdout.splitlines()[1].split()[:4] == ["batch_1", "completed", "2", "2"]
    shown = run("batch", "show", "batch_1").stdout
    assert "the budget is used up" in shown
    assert "$0.5" in shown
    assert "batch_1 is cancelling" in run("batch", "cancel", "batch_1").stdout
