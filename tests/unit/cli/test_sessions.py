from typing import Any

from tests.support.stub_gateway import StubGateway, problem
from tests.unit.cli.conftest import Run

CAPPED: dict[str, Any] = {
    "session": "run-42", "usd": 5.0, "calls": 200, "tokens": None,
    "used": {"usd": 1.25, "calls": 200, "tokens": 12_000}, "used_up": ["calls"],
    "since": "2026-11-30T09:00:00+00:00", "until": "2026-12-30T09:00:00+00:00",
}  # fmt: skip


def test_a_session_is_capped_with_what_was_named(gateway: StubGateway, run: Run) -> None:
    gateway.answers["POST /api/sessions"] = (201, CAPPED)

    shown = run("sessions", "cap", "run-42", "--usd", "5", "--calls", "200").stdout

    assert gateway.asked[0].body == {"session": "run-42", "usd": 5.0, "calls": 200}
    for words in ("1.2500 of 5.0000", "200 of 200", "12,000\n", "its requests are refused"):
        assert words in shown + "\n", shown


def test_nothing_to_cap_is_said_before_anything_is_asked(gateway: StubGateway, run: Run) -> None:
    assert "nothing to cap was named" in run("sessions", "cap", "run-42").stderr
    assert gateway.asked == []


def test_capped_sessions_are_listed_with_what_they_used(gateway: StubGateway, run: Run) -> None:
    fresh = CAPPED | {"session": "run-43", "used_up": [], "usd": None}
    gateway.answers["GET /api/sessions"] = (200, {"sessions": [CAPPED, fresh], "total": 2})

    lines = run("sessions", "list").stdout.splitlines()

    assert [line.split()[:4] for line in lines[1:3]] == [["run-42", "1.2500", "of", "5.0000"],
                                                        ["run-43", "1.2500", "200", "of"]]  # fmt: skip


def test_a_cap_is_shown_and_taken_away(gateway: StubGateway, run: Run) -> None:
    gateway.answers["GET /api/sessions/run-42"] = (200, CAPPED)
    gateway.answers["DELETE /api/sessions/run-42"] = (204, None)
    gateway.answers["DELETE /api/sessions/run-43"] = (404, problem("invalid_request", "session 'run-43' has no cap"))

    assert "2026-12-30" in run("sessions", "show", "run-42").stdout
    assert "has no cap any more" in run("sessions", "uncap", "run-42").stdout
    assert "session 'run-43' has no cap" in run("sessions", "uncap", "run-43").stderr
