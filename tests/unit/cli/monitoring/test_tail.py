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
GAP = {"from": "2026-01-02T02:00:00+00:00", "to": "2026-01-02T03:00:00+00:00"}
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
    told = [event("attempt", ATTEMPT, "1"), b": nothing new\n\n", event("inference", settled, "2")]
    told.append(event("inference", failed, "3"))
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
        iter([event("attempt", ATTEMPT, "1"), event("inference", item(), "2"), event("gap", GAP), ENDS]),
    )

    ended = ("--model", "custom:a", "--error-type", "overloaded", "--state", "failed")
    asked = ("--operation", "chat", "--key-id", "k1", "--session", "s", "--tag", "team=x")
    done = run("tail", *ended, *asked, "--json")

    first, second, third = map(json.loads, done.stdout.splitlines()[:3])
    assert first == {"event": "attempt"} | ATTEMPT
    assert second == {"event": "inference"} | item()
    assert third == {"event": "gap"} | GAP


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
    assert "the feed broke off; trying again in 1 s" in said
    assert "the monitor cannot be reached; trying again in 2 s" in said


def test_what_is_told_again_is_passed_over_and_what_is_not_told_is_said(gateway: StubGateway, run: Run) -> None:
    over = event("end", {"reason": "renew", "detail": "connect again", "tips": []})
    first, second = (
        event("inference", item(inference_id="01"), "1.1"),
        event("inference", item(inference_id="02"), "2.2"),
    )
    gateway.answers[LIVE] = feeds((200, iter([first, over])), (200, iter([event("gap", GAP), first, second, ENDS])))

    done = run("tail")

    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["01", "02"]
    missing = f"tallygate inferences list --from {GAP['from']} --to {GAP['to']}"
    assert f"what was settled meanwhile is missing: {missing}" in done.stderr
    assert "trying again" not in done.stderr


def test_who_reads_too_slowly_is_told(gateway: StubGateway, capsys: pytest.CaptureFixture[str]) -> None:
    cut = event("end", {"reason": "too_slow", "detail": "more was told than you read", "tips": []})
    gateway.answers[LIVE] = feeds((200, iter([cut])), (200, iter([event("inference", item(), "1.1")])))

    next(heard(Client(gateway.url, "tg_key"), "/api/monitoring/live", lambda _: None))

    assert "more was told than you read; trying again in 1 s" in capsys.readouterr().err


def test_what_asking_again_does_not_mend_ends_it(gateway: StubGateway, run: Run) -> None:
    gateway.answers[LIVE] = REVOKED

    done = run("tail")

    assert done.exit_code == 1
    assert "the key was revoked" in done.stderr
