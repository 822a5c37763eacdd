import io
import json
from itertools import islice
from typing import Any

import pytest
from rich.console import Console

from services.cli.monitoring.sights import Looking, Sight, sights
from services.cli.monitoring.top import print_lines, show
from shared.client import Client, Problem, ProblemError
from tests.support.stub_gateway import StubGateway, problem
from tests.unit.cli.conftest import Run
from tests.unit.cli.monitoring.test_monitor import summary_body

SUMMARY, INSTANCES = "GET /api/monitoring/summary?window=5m", "GET /api/instances"
AWAY = Problem("endpoint_unreachable", "nothing answers at http://g: Connection refused", ("Start it: make run",))


def instances(**router: Any) -> dict[str, Any]:
    at = "2026-01-02T03:04:05+00:00"
    alive = {"router_id": "r-1", "state": "alive", "in_flight": 3, "started_at": at, "beat_at": at, "silent_s": 0.5}
    letters = [{"topic": "requests", "kept": 9, "last_day": 2}]
    return {"routers": [alive | router], "requests_waiting": 4, "dead_letters": letters, "monitor": "m", "lag_s": 0.0}


def looking(gateway: StubGateway) -> Looking:
    return Looking(Client(gateway.url, "tg_key"), "5m")


def test_one_look_shows_rates_models_errors_and_routers(gateway: StubGateway, run: Run) -> None:
    gateway.answers |= {SUMMARY: (200, summary_body()), INSTANCES: (200, instances())}

    lines = [" ".join(line.split()) for line in run("top", "--once").stdout.splitlines()]

    # 3 requests and 4 calls in the hour that was read
    assert "0.00083 33.3 % 0 1 0.0011 0 $0.000007" in lines
    assert "10 ms 1.50 s 2.00 s" in lines
    assert "custom:a 0.00083 3 33.3 %" in lines
    assert "03:04:05 custom:a overloaded ×2 busy [x] 01" in lines  # noqa: RUF001
    assert "r-1 alive 3 500 ms ago" in lines
    assert "4 requests wait for a router" in lines
    assert "2 dead letters in the last day: tallygate dlq list" in lines


@pytest.mark.parametrize(("status", "error_type"), [(403, "permission_denied"), (404, "endpoint_not_found")])
def test_who_is_told_of_no_routers_asks_for_them_once(gateway: StubGateway, status: int, error_type: str) -> None:
    gateway.answers |= {SUMMARY: (200, summary_body()), INSTANCES: (status, problem(error_type, "no"))}

    seen = list(islice(sights(looking(gateway), 2, sleep=lambda _: None), 3))

    assert [sight.body for sight in seen] == [{"summary": summary_body(), "instances": None}] * 3
    assert gateway.calls.count(INSTANCES) == 1


def test_while_the_gateway_is_away_the_last_look_stays_and_it_comes_back(gateway: StubGateway) -> None:
    gateway.answers |= {SUMMARY: (200, summary_body()), INSTANCES: (200, instances())}
    waited: list[float] = []
    all_sights = sights(looking(gateway), 2, sleep=waited.append)

    there = next(all_sights)
    gateway.answers[SUMMARY] = (503, problem("unavailable", "the monitor cannot be reached"))
    away = next(all_sights)
    gateway.answers[SUMMARY] = (200, summary_body(status="unhealthy"))
    back = next(all_sights)

    assert (away.body, away.seen_at) == (there.body, there.seen_at)
    assert away.problem is not None
    assert away.problem.detail == "the monitor cannot be reached"
    assert back.problem is None
    assert back.body is not None
    assert back.body["summary"]["health"]["status"] == "unhealthy"
    assert waited == [2, 2]


def test_what_asking_again_does_not_mend_ends_it(gateway: StubGateway, run: Run) -> None:
    gateway.answers[SUMMARY] = (401, problem("authentication_failed", "the key was revoked"))

    done = run("top", "--json")

    assert done.exit_code == 1
    assert "the key was revoked" in done.stderr


@pytest.mark.parametrize("arguments", [("--once",), ("--once", "--json"), ()])
def test_one_look_at_a_gateway_that_is_away_fails(run: Run, arguments: tuple[str, ...]) -> None:
    done = run("top", "--gateway", "http://127.0.0.1:1", *arguments)

    assert done.exit_code == 1
    assert "nothing answers at http://127.0.0.1:1" in done.stderr


def test_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    body = {"summary": summary_body(), "instances": None}

    print_lines([Sight(body, None, None), Sight(body, None, AWAY)], "http://g", Console())

    there, away = map(json.loads, capsys.readouterr().out.splitlines())
    assert there == body
    assert away["problem"]["error_type"] == "endpoint_unreachable"


def test_the_screen_says_that_the_gateway_is_away_above_what_it_saw() -> None:
    body = {"summary": summary_body(issues=["\x1b]0;title\x07 is bad"]), "instances": instances(router_id="r\x1b[2J")}

    printed = screens(Sight(None, None, AWAY), Sight(body, None, AWAY))

    assert printed.count("✗ endpoint_unreachable: nothing answers at http://g: Connection refused") == 2
    assert "→ Start it: make run" in printed
    assert r"\x1b]0;title\x07 is bad" in printed
    assert r"r\x1b[2J" in printed
    assert "\x1b]0;" not in printed


def test_no_router_is_said_with_what_to_do() -> None:
    none = instances() | {"routers": [], "dead_letters": []}

    printed = screens(Sight({"summary": summary_body(), "instances": none}, None, None))

    assert "No router was heard: nothing is answered. Start one: tallygate serve router" in printed


def screens(*seen: Sight) -> str:
    """What a terminal is sent for them."""
    file = io.StringIO()
    show(seen, "http://g", Console(file=file, force_terminal=True, width=120, height=40, color_system=None))
    return file.getvalue()


def test_a_problem_is_raised_by_a_look(gateway: StubGateway) -> None:
    with pytest.raises(ProblemError):
        looking(gateway).look()
