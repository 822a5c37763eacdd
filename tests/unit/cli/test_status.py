import json

import pytest

from tests.support.stub_gateway import StubGateway, problem, running_stub
from tests.unit.cli.conftest import Run
from tests.unit.cli.monitoring.test_monitor import summary_body

BOOKS = "GET /api/models/custom/monitoring"


@pytest.fixture(autouse=True)
def _services(gateway: StubGateway, monkeypatch: pytest.MonkeyPatch) -> object:
    with running_stub() as monitor, running_stub() as router, running_stub() as features, running_stub() as jobs:
        monkeypatch.setenv("TALLYGATE_MONITOR_URL", monitor.url)
        monkeypatch.setenv("TALLYGATE_ROUTER_URLS", router.url)
        monkeypatch.setenv("TALLYGATE_FEATURES_URLS", features.url)
        monkeypatch.setenv("TALLYGATE_JOBS_URLS", jobs.url)
        stubs = {"gateway": gateway, "monitor": monitor, "router": router, "features": features, "jobs": jobs}
        for service, stub in stubs.items():
            stub.answers["GET /readyz"] = (200, {"service": service, "status": "ready", "reasons": {}})
        gateway.answers[BOOKS] = (200, summary_body())
        yield


def test_all_is_ready(run: Run) -> None:
    done = run("status")

    assert done.exit_code == 0, done.output
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:6]] == [
        ["gateway", "ready"],
        ["monitor", "ready"],
        ["router", "ready"],
        ["features", "ready"],
        ["jobs", "ready"],
    ]
    assert "books up to date · 0 open attempts in the last hour · models degraded" in done.stdout


def test_what_is_not_ready_says_why(gateway: StubGateway, run: Run) -> None:
    reasons = {"kafka": "the broker does not acknowledge what is published"}
    gateway.answers["GET /readyz"] = (503, {"service": "gateway", "status": "not ready", "reasons": reasons})

    done = run("status")

    assert done.exit_code == 1
    assert "kafka: the broker does not acknowledge what is published" in done.stdout


def test_who_is_gone_or_somebody_else(gateway: StubGateway, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYGATE_ROUTER_URLS", f"http://127.0.0.1:1,{gateway.url}")

    body = json.loads(run("status", "--json").stdout)

    assert body["ready"] is False
    assert [one["reasons"] for one in body["services"]] == [
        {},
        {},
        {"connection": "nothing answers at http://127.0.0.1:1: Connection refused"},
        {"service": "this is the gateway, not the router"},
        {},
        {},
    ]


@pytest.mark.parametrize(
    ("error_type", "exit_code"), [("unavailable", 1), ("authentication_failed", 0), ("permission_denied", 0)]
)
def test_books_that_cannot_be_read(gateway: StubGateway, run: Run, error_type: str, exit_code: int) -> None:
    gateway.answers[BOOKS] = (503, problem(error_type, "why not"))

    done = run("status")

    assert done.exit_code == exit_code
    assert "books cannot be read: why not" in done.stdout
