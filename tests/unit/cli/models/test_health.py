import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.cli.models.health_view import Change, bar
from tests.support.stub_gateway import StubGateway
from tests.unit.cli.conftest import Run

SINCE = datetime(2026, 1, 2, 3, tzinfo=UTC)
UNTIL = SINCE + timedelta(minutes=60)


def at(minutes: float) -> datetime:
    return SINCE + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("before", "changes", "drawn"),
    [
        ("healthy", [], "hhhhhh"),
        ("unhealthy", [], "uuuuuu"),
        ("healthy", [(25, "unhealthy"), (45, "healthy")], "hhuuuh"),
        ("healthy", [(21, "degraded"), (22, "unhealthy"), (23, "healthy")], "hhuhhh"),
        ("unhealthy", [(0, "healthy")], "uhhhhh"),
        ("healthy", [(60, "degraded")], "hhhhhd"),
        (None, [(30, "degraded")], "???ddd"),
    ],
)
def test_each_part_of_the_time_has_its_worst_status(
    before: str | None, changes: list[tuple[int, str]], drawn: str
) -> None:
    parts = bar(before, [Change(at(minutes), status) for minutes, status in changes], SINCE, UNTIL, 6)
    assert "".join((status or "?")[0] for status in parts) == drawn


def change(minutes: float, status: str, was: str, model: str = "custom:m") -> dict[str, Any]:
    said: dict[str, Any] = {
        "reason": "8 of [10] calls failed",
        "cause": "calls",
        "calls": 10,
        "failed": 8,
        "errors": {},
    }
    return {"model": model, "at": at(minutes).isoformat(), "status": status, "was": was, "thresholds": None} | said


def body(**more: Any) -> dict[str, Any]:
    model = {
        "model": "custom:m", "status": "unhealthy", "since": at(30).isoformat(),
        "reason": "8 of [10] calls \x1b[31mfailed",
        "cause": "calls", "calls": 10, "failed": 8, "errors": {}, "p50_s": 0.25,
        "thresholds": {"degraded_at": 0.1, "unhealthy_at": 0.5, "min_calls": 5},
        "probe": {"every_s": 60, "asked_at": None, "ended_at": at(50).isoformat(), "error_type": "tls_failed"},
    }  # fmt: skip
    told = {
        "models": [model], "items": [change(30, "unhealthy", "healthy")], "at_from": [], "next_cursor": None,
        "from": SINCE.isoformat(), "to": UNTIL.isoformat(), "as_of": UNTIL.isoformat(), "lag_s": 0.0,
    }  # fmt: skip
    return told | more


PATH = "GET /api/monitoring/health?model=custom%3Am&window=24h&limit=200"


def test_a_timeline_for_people(gateway: StubGateway, run: Run) -> None:
    gateway.answers[PATH] = (200, body())

    lines = [line.rstrip() for line in run("models", "health", "m").stdout.splitlines()]

    assert lines[0] == "● custom:m unhealthy since 2026-01-02 03:30:00: 8 of [10] calls \\x1b[31mfailed"
    assert lines[1] == "  " + "▁" * 30 + "█" * 30
    assert lines[2].startswith(
        "  10 calls counted, 8 failed, 250 ms at the median; degraded from 10%, unhealthy from 50%"
    )
    assert lines[2].endswith("probed every 60 s, at 2026-01-02 03:50:00 it failed: tls_failed")
    assert lines[-1] == "2026-01-02 03:30:00 custom:m healthy → unhealthy  8 of [10] calls failed"


def test_how_it_was_when_the_time_began_is_drawn(gateway: StubGateway, run: Run) -> None:
    gateway.answers[PATH] = (200, body(items=[], at_from=[change(-30, "degraded", "healthy")]))
    assert "▄" * 60 in run("models", "health", "custom:m").stdout


def test_what_is_on_a_further_page_is_not_drawn_as_healthy(gateway: StubGateway, run: Run) -> None:
    gateway.answers[PATH] = (200, body(next_cursor="x"))
    shown = run("models", "health", "m").stdout
    assert "·" * 30 + "█" * 30 in shown
    assert "there are more" in shown


def test_the_history_as_it_came_of_any_time(gateway: StubGateway, run: Run) -> None:
    gateway.answers["GET /api/monitoring/health?from=2026-01-02&limit=200"] = (200, body())
    assert json.loads(run("models", "health", "--from", "2026-01-02", "--json").stdout) == body()


def test_a_window_goes_without_a_beginning(run: Run) -> None:
    done = run("models", "health", "--window", "1h", "--from", "2026-01-02")
    assert done.exit_code == 1
    assert "--window goes without" in done.stderr


def test_nothing_to_tell(gateway: StubGateway, run: Run) -> None:
    gateway.answers["GET /api/monitoring/health?window=24h&limit=200"] = (200, body(models=[], items=[]))
    assert "No model was called or probed." in run("models", "health").stdout
