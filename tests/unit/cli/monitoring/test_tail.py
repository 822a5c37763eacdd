import json
from itertools import islice
from typing import Any

import pytest

from services.cli.monitoring.tail import heard
from shared.client import Client
from tests.support.stub_gateway import StubGateway, Told, problem
from tests.unit.cli.conftest import Run
from tests.unit.cli.monitoring.test_inferences import item

LIVE = "GET /api/monitoring/live"
ATTEMPT = {"inference_id": "01", "attempt_id": "02", "ended_at": "2026-01-02T03:04:06+00:00", "model": "custom:a"} | {
    "error_type": "overloaded",
    "error": {"error_type": "overloaded", "detail": "busy\n\x1b[31m[x]"},
}
REVOKED: Told = (401, problem("authentication_failed", "the key was revoked"))


def event(name: str, data: Any, event_id: str = "") -> bytes:
    return f"event: {name}\nid: {event_id}\ndata: {json.dumps(data)}\n\n".encode()


ENDS = event("error", REVOKED[1] | {"status": 401})  # and with it the command


def feeds(*answers: Told) -> Any:
    """The answers, one for each time that it is asked; then a refusal, which ends the command."""
    left = iter(answers)
    return lambda: next(left, REVOKED)


def test_a_line_for_each_settlement_and_each_failed_call(gateway: StubGateway, run: Run) -> None:
    settled = item(attempts=2)
    failed = item(state="failed", model_served=None, error_type="overloaded", usage=None, cost_usd=None)
    told = [event("attempt", ATTEMPT), b": still here\n\n", event("inference", settled), event("inference", failed)]
    gateway.answers[LIVE] = (200, iter([*told, ENDS]))

    first, second, third = run("tail").stdout.splitlines()

    assert first == r"03:04:06 attempt failed custom:a  overloaded: busy\n\x1b[31m[x]  01"
    assert second.split("  ")[-2:] == ["1.50 s · 5 → 6 · $0.00001 · 2 attempts", settled["inference_id"]]
    assert second.startswith("03:04:07 completed      custom:a")
    assert third.startswith("03:04:07 failed         auto  1.50 s  overloaded  ")


def test_json_lines_with_the_filters_that_were_named(gateway: StubGateway, run: Run) -> None:
    filters = "model=custom%3Aa&error_type=overloaded&state=failed&operation=chat&key=k1&session=s&tag=team%3Dx"
    gateway.answers[f"{LIVE}?{filters}"] = (
        200,
        iter([event("attempt", ATTEMPT), event("inference", item()), ENDS]),
    )

    ended = ("--model", "custom:a", "--error-type", "overloaded", "--state", "failed")
    asked = ("--operation", "chat", "--key-id", "k1", "--session", "s", "--tag", "team=x")
    done = run("tail", *ended, *asked, "--json")

    first, second = map(json.loads, done.stdout.splitlines()[:2])
    assert first == {"event": "attempt"} | ATTEMPT
    assert second == {"event": "inference"} | item()


def test_a_feed_that_breaks_off_is_opened_again_where_it_broke_off_and_that_is_said(
    gateway: StubGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    away = (503, problem("unavailable", "the monitor cannot be reached"))
    gateway.answers[LIVE] = feeds(
        (200, iter([event("attempt", ATTEMPT, "1.02")])), away, away, (200, iter([event("inference", item(), "2.01")]))
    )
    waited: list[float] = []

    told = list(islice(heard(Client(gateway.url, "tg_key"), "/api/monitoring/live", waited.append), 2))

    assert [event.name for event in told] == ["attempt", "inference"]
    assert waited == [1, 2, 4]  # longer while it is away
    assert [asked.headers.get("last-event-id") for asked in gateway.asked] == [None, "1.02", "1.02", "1.02"]
    said = capsys.readouterr().err
    assert "the feed ended; trying again in 1 s" in said
    assert "the monitor cannot be reached; trying again in 2 s" in said


def test_what_asking_again_does_not_mend_ends_it(gateway: StubGateway, run: Run) -> None:
    gateway.answers[LIVE] = REVOKED

    done = run("tail")

    assert done.exit_code == 1
    assert "the key was revoked" in done.stderr
