import json
import os
import signal
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.stub import StubGateway, Told, problem

NEEDED = ("models", "add", "--id", "m", "--endpoint", "http://h/v1")
CREATE, TEST = "POST /api/models/custom", "POST /api/models/custom/custom:m/test"
ACTIVATE, REMOVE = "PATCH /api/models/custom/custom:m", "DELETE /api/models/custom/custom:m"
PASSED = {"ok": True, "model": "custom:m", "answer": "ready", "latency_s": 0.5, "inference_id": "01", "usage": None}


@pytest.fixture(autouse=True)
def _answers(gateway: StubGateway) -> None:
    gateway.answers |= {
        CREATE: (201, {"id": "custom:m", "is_active": False}),
        TEST: (200, PASSED),
        ACTIVATE: (200, {"id": "custom:m", "is_active": True}),
        REMOVE: (204, None),
    }


def test_a_model_that_answers_is_activated(gateway: StubGateway, run: Run) -> None:
    prices = ("--input-price", "0.1", "--output-price", "0.4")

    done = run(*NEEDED, "--model", "llama", "--context-window", "8192", "--api-key", "sk-1", *prices)

    assert done.exit_code == 0, done.output
    assert gateway.calls == [CREATE, TEST, ACTIVATE]
    assert gateway.asked[0].body == {
        "model_id": "m",
        "endpoint_url": "http://h/v1",
        "provider": "openai-compatible",
        "api_key": "sk-1",
        "config": {"model": "llama"},
        "context_window": 8192,
        "price": {"input_per_mtok_usd": 0.1, "output_per_mtok_usd": 0.4},
        "is_active": False,
    }
    assert gateway.asked[2].body == {"is_active": True}
    assert "answered in 500 ms" in done.stdout
    assert "custom:m is active" in done.stdout
    assert "sk-1" not in done.output


def test_one_that_fails_is_removed_and_says_why(gateway: StubGateway, run: Run) -> None:
    attempts = [{"model": "custom:m", "error_type": "authentication_failed", "upstream_status": 401, "detail": "no"}]
    gateway.answers[TEST] = (424, problem("authentication_failed", "no", "Store a valid key", attempts=attempts))

    done = run(*NEEDED)

    assert done.exit_code == 1
    assert gateway.calls == [CREATE, TEST, REMOVE]
    assert done.stdout == ""
    assert "✗ authentication_failed: no" in done.stderr
    assert "attempt 1: custom:m authentication_failed (401)" in done.stderr
    assert "→ Store a valid key" in done.stderr
    assert "removed again" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("during", [CREATE, TEST])
def test_who_leaves_in_the_middle_leaves_nothing_behind(
    gateway: StubGateway, run: Run, number: signal.Signals, during: str
) -> None:
    known = gateway.answers[during]
    assert not callable(known)

    def interrupt() -> Told:
        os.kill(os.getpid(), number)
        return known

    gateway.answers[during] = interrupt

    done = run(*NEEDED)

    assert done.exit_code != 0
    assert gateway.calls[-1] == REMOVE
    assert ACTIVATE not in gateway.calls


def test_an_activation_that_fails_takes_it_back(gateway: StubGateway, run: Run) -> None:
    gateway.answers[ACTIVATE] = (503, problem("unavailable", "the database cannot be reached"))

    assert run(*NEEDED).exit_code == 1
    assert gateway.calls == [CREATE, TEST, ACTIVATE, REMOVE]


def test_what_could_not_be_removed_is_named(gateway: StubGateway, run: Run) -> None:
    gateway.answers[TEST] = (502, problem("server_error", "boom"))
    gateway.answers[REMOVE] = (503, problem("unavailable", "the database cannot be reached"))

    done = run(*NEEDED)

    assert "custom:m is still registered, inactive" in done.stderr
    assert "tallygate models remove custom:m" in done.stderr


def test_the_gateways_refusal_removes_nothing(gateway: StubGateway, run: Run) -> None:
    gateway.answers[CREATE] = (409, problem("invalid_request", "a model with the id 'm' exists already"))

    assert "exists already" in run(*NEEDED).stderr
    assert gateway.calls == [CREATE]


def test_untested_on_request(gateway: StubGateway, run: Run) -> None:
    done = run(*NEEDED, "--no-test", "--json")

    assert json.loads(done.stdout)["test"] is None
    assert gateway.calls == [CREATE]
    assert gateway.asked[0].body["is_active"] is True


def test_the_key_from_elsewhere(
    gateway: StubGateway, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MODEL_KEY", "sk-env")

    run(*NEEDED, "--api-key-env", "MODEL_KEY")
    run(*NEEDED, "--api-key-stdin", stdin="sk-stdin\n")

    keys = [one.body["api_key"] for one in gateway.asked if "api_key" in (one.body or {})]
    assert keys == ["sk-env", "sk-stdin"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("models", "add"), "--id and --endpoint must be given"),
        (("models", "add", "--id", "m"), "--endpoint must be given"),
        ((*NEEDED, "--api-key", "a", "--api-key-stdin"), "give the key once"),
        ((*NEEDED, "--api-key-stdin"), "standard input holds no key"),
        ((*NEEDED, "--api-key-env", "NOT_THERE"), "NOT_THERE, and that variable is not set"),
        ((*NEEDED, "--input-price", "1"), "give both --input-price and --output-price"),
    ],
)
def test_what_is_missing_is_named(gateway: StubGateway, run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    done = run(*arguments)

    assert done.exit_code == 1
    assert sentence in done.stderr
    assert gateway.calls == []
