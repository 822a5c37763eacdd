import json
from typing import Any

from tests.support.stub_gateway import StubGateway
from tests.unit.cli.conftest import Run

PATH = "GET /api/monitoring/summary"


def summary_body(**health: Any) -> dict[str, Any]:
    error = {"at": "2026-01-02T03:04:05+00:00", "inference_id": "01", "attempt_id": "02", "model": "custom:a"}
    return {
        "requests": {
            "total": 3,
            "succeeded": 2,
            "failed": 1,
            "rejected": 0,
            "fallbacks": 1,
            "failure_rate": 0.33,
            "by_model": {"custom:a": {"total": 3, "succeeded": 2, "failed": 1}},
            "by_endpoint": {"h:80": 3},
            "by_error_type": {"overloaded": 1},
        },
        "attempts": {"total": 4, "succeeded": 2, "failed": 2, "open": 0, "by_error_type": {"overloaded": 2}},
        "performance": {"average_s": 0.02, "p50_s": 0.01, "p95_s": 1.5, "p99_s": 2.0},
        "tokens": {"input": 120, "output": 34, "cache_read": 5, "cache_write": 0, "reasoning": 6},
        "usage": {"reported": 2, "estimated": 1, "unknown": 1},
        "costs": {"custom_usd": 0.000007, "provider_usd": 0.0, "savings_usd": 0.5, "savings_percent": 98.3},
        "health": {"status": "degraded", "issues": ["custom:a: 2 of 4 calls failed"]} | health,
        "errors": [error | {"error_type": "overloaded", "detail": "busy [x]", "tips": ["Try again later"]}] * 2,
        "from": "2026-01-02T02:04:06+00:00",
        "to": "2026-01-02T03:04:06+00:00",
        "as_of": "2026-01-02T03:04:06+00:00",
        "lag_s": 0.0,
    }


def test_the_summary_for_people(gateway: StubGateway, run: Run) -> None:
    gateway.answers[PATH] = (200, summary_body())

    lines = [line.rstrip() for line in run("monitor").stdout.splitlines()]

    assert lines[0] == "● degraded  2026-01-02 02:04:06 to 2026-01-02 03:04:06 UTC, the books are up to date"
    assert "  ! custom:a: 2 of 4 calls failed" in lines
    rows = [line.split() for line in lines]
    assert ["requests", "3", "2", "1", "0", "1"] in rows
    assert ["attempts", "4", "2", "2", "0"] in rows
    assert ["duration", "20", "ms", "10", "ms", "1.50", "s", "2.00", "s"] in rows
    assert ["costs", "$0.000007", "$0", "$0.5", "(98.3", "%)"] in rows
    assert ["tokens", "120", "34", "5", "0", "6"] in rows
    assert "of calls whose tokens are: 2 reported, 1 estimated, 1 unknown" in lines
    assert ["overloaded", "1", "2"] in rows
    assert "2026-01-02 03:04:05 custom:a ×2  overloaded: busy [x]" in lines  # noqa: RUF001
    assert "  → Try again later" in lines


def test_the_summary_as_it_came(gateway: StubGateway, run: Run) -> None:
    span = "from=2026-01-01&to=2026-01-02T03%3A00%3A00%2B01%3A00"
    gateway.answers[f"{PATH}?{span}&model=custom%3Aa&operation=chat&key=k1"] = (200, summary_body())

    named = ("--model", "custom:a", "--operation", "chat", "--key-id", "k1")
    done = run("monitor", "--from", "2026-01-01", "--to", "2026-01-02T03:00:00+01:00", *named, "--json")

    assert json.loads(done.stdout) == summary_body()


def test_an_empty_summary(gateway: StubGateway, run: Run) -> None:
    body = summary_body(status="healthy", issues=[])
    body["requests"] |= {"by_model": {}, "by_error_type": {}}
    body["attempts"] |= {"by_error_type": {}}
    body["errors"] = []
    gateway.answers[PATH] = (200, body)

    done = run("monitor")

    assert "by model" not in done.stdout
    assert "recent errors" not in done.stdout
