import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.stub_gateway import StubGateway, Told, problem
from tests.unit.cli.conftest import Run

NEEDED = ("models", "add", "--id", "m", "--endpoint", "http://h/v1")
CREATE, SETUP, TEST = "POST /api/models/custom", "POST /api/models/setup", "POST /api/models/custom/custom:m/test"
REMOVE, PRESETS = "DELETE /api/models/custom/custom:m", "GET /api/models/presets"


def step(name: str, ok: bool | None = True, **error: Any) -> dict[str, Any]:
    return {"step": name, "ok": ok, "duration_s": 0.002, "detail": f"{name} it is", "error": error or None}


PASSED = {
    "answer": "ready",
    "latency_s": 0.5,
    "inference_id": "01",
    "usage": None,
    "attempts": 1,
    "steps": [step("dns"), step("model", None), step("answer")],
}
TESTED = {"ok": True, "model": "custom:m", **PASSED}
OLLAMA = {
    "name": "ollama",
    "title": "Ollama",
    "endpoint_url": "http://localhost:11434/v1",
    "provider": "openai-compatible",
    "local": True,
    "key": "none",
    "key_from": "",
    "hint": "As in `ollama list`.",
}


@pytest.fixture(autouse=True)
def _answers(gateway: StubGateway) -> None:
    gateway.answers |= {
        CREATE: (201, {"id": "custom:m", "is_active": True}),
        SETUP: (201, {"model": {"id": "custom:m", "is_active": True}, "filled_in": {}, **PASSED}),
        PRESETS: (200, {"presets": [OLLAMA]}),
    }


def test_a_model_is_set_up_by_the_gateway(gateway: StubGateway, run: Run) -> None:
    prices = ("--input-price", "0.1", "--output-price", "0.4")

    times = ("--first-chunk-timeout-s", "20", "--idle-timeout-s", "5")
    done = run(*NEEDED, "--model", "llama", "--context-window", "8192", "--api-key", "sk-1", *prices, *times)

    assert done.exit_code == 0, done.output
    assert gateway.calls == [SETUP]
    assert gateway.asked[0].body == {
        "model_id": "m",
        "endpoint_url": "http://h/v1",
        "api_key": "sk-1",
        "config": {"model": "llama"},
        "context_window": 8192,
        "price": {"input_per_mtok_usd": 0.1, "output_per_mtok_usd": 0.4},
        "first_chunk_timeout_s": 20.0,
        "idle_timeout_s": 5.0,
    }
    assert gateway.asked[0].headers["x-tallygate-cancel-on-disconnect"] == "true"
    assert "✓ dns    dns it is  2 ms" in done.stdout
    assert "? model  model it is" in done.stdout
    assert "answered in 500 ms" in done.stdout
    assert "custom:m is active" in done.stdout
    assert "sk-1" not in done.output


def test_what_the_gateway_filled_in_is_told_with_its_source(gateway: StubGateway, run: Run) -> None:
    price = {"input_per_mtok_usd": 0.15, "output_per_mtok_usd": 0.6}
    model = {"id": "custom:m", "is_active": True, "context_window": 128000, "price": price}
    filled_in = {"price": "genai-prices", "context_window": "endpoint"}
    gateway.answers[SETUP] = (201, {"model": model, "filled_in": filled_in, **PASSED})

    text = run(*NEEDED).stdout

    assert "context_window as known from the endpoint: 128000" in text
    assert "price as known from genai-prices: $0.15 / $0.6 per million tokens in / out" in text
    assert json.loads(run(*NEEDED, "--json").stdout)["filled_in"] == filled_in


def test_a_model_for_embeddings_has_a_price_for_its_input_only(gateway: StubGateway, run: Run) -> None:
    model = {"id": "custom:m", "is_active": True, "capabilities": {"tasks": ["embeddings"]}}
    answer = {**PASSED, "answer": "a vector of 3 numbers", "usage": {"prompt_tokens": 2, "total_tokens": 2}}
    gateway.answers[SETUP] = (201, {"model": model, "filled_in": {"capabilities": "endpoint"}, **answer})

    done = run(*NEEDED, "--task", "embeddings", "--input-price", "0.02")

    assert done.exit_code == 0, done.output
    assert gateway.asked[0].body["capabilities"] == {"tasks": ["embeddings"]}
    assert gateway.asked[0].body["price"] == {"input_per_mtok_usd": 0.02, "output_per_mtok_usd": 0.0}
    assert "2 tokens:\n  a vector of 3 numbers" in done.stdout
    assert 'Use it: POST /v1/embeddings, "model": "custom:m"' in done.stdout


def test_a_preset_fills_in_what_was_not_given(gateway: StubGateway, run: Run) -> None:
    done = run("models", "add", "--id", "m", "--preset", "ollama", "--model", "llama3.2:3b", "--json")

    assert done.exit_code == 0, done.output
    assert gateway.calls == [PRESETS, SETUP]
    assert gateway.asked[1].body == {
        "model_id": "m",
        "endpoint_url": "http://localhost:11434/v1",
        "provider": "openai-compatible",
        "config": {"model": "llama3.2:3b"},
    }
    assert json.loads(done.stdout)["test"] == TESTED


def test_a_preset_that_there_is_not(gateway: StubGateway, run: Run) -> None:
    done = run("models", "add", "--id", "m", "--preset", "olama")

    assert done.exit_code == 1
    assert "there is no preset 'olama'" in done.stderr
    assert "Try ollama." in done.stderr


def test_one_that_fails_says_how_far_it_came_and_why(gateway: StubGateway, run: Run) -> None:
    attempts = [{"model": "custom:m", "error_type": "authentication_failed", "upstream_status": 401, "detail": "no"}]
    steps = [step("dns"), step("answer", False, title="Not accepted", detail="no")]
    answer = problem("authentication_failed", "no", "Give a valid key", attempts=attempts, steps=steps)
    gateway.answers[SETUP] = (424, answer)

    done = run(*NEEDED)

    assert done.exit_code == 1
    assert gateway.calls == [SETUP]
    assert done.stdout == ""
    assert "✓ dns    dns it is" in done.stderr
    assert "✗ answer Not accepted" in done.stderr
    assert "✗ authentication_failed: no" in done.stderr
    assert "attempt 1: custom:m authentication_failed (401)" in done.stderr
    assert "→ Give a valid key" in done.stderr
    assert json.loads(run(*NEEDED, "--json").stdout)["steps"] == steps


def test_who_leaves_in_the_middle_asks_for_nothing_more(gateway: StubGateway, run: Run) -> None:
    def interrupt() -> Told:
        os.kill(os.getpid(), signal.SIGINT)
        return 500, problem("internal", "too late")

    gateway.answers[SETUP] = interrupt

    assert run(*NEEDED).exit_code != 0
    assert gateway.calls == [SETUP]


def test_untested_on_request(gateway: StubGateway, run: Run) -> None:
    done = run(*NEEDED, "--no-test", "--json")

    assert json.loads(done.stdout)["test"] is None
    assert gateway.calls == [CREATE]
    assert gateway.asked[0].body["is_active"] is True
    assert gateway.asked[0].body["provider"] == "openai-compatible"


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
