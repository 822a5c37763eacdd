import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.key_binding.defaults import load_key_bindings
from prompt_toolkit.output import DummyOutput

from services.cli.models.form import ModelForm
from services.cli.models.wizard import run_wizard
from shared.client import Client
from tests.support.stub_gateway import StubGateway, problem
from tests.unit.cli.models.test_add import CREATE, OLLAMA, PASSED, PRESETS, SETUP, step

KEY_BINDINGS = cache(load_key_bindings)
DOWN, ENTER, CLEAR, CTRL_C = "\x1b[B", "\r", "\x15", "\x03"
PROBE = "POST /api/models/probe"
LISTED = [{"name": "llama", "context_window": 8192}, {"name": "mistral", "context_window": None}]
FOUND: dict[str, Any] = {
    "ok": True,
    "provider": "openai-compatible",
    "provider_assumed": False,
    "steps": [step("dns"), step("auth")],
    "models": LISTED,
    "context_window": None,
}
FAILED: dict[str, Any] = {
    "ok": False,
    "steps": [
        step("dns"),
        step("tcp", False, error_type="endpoint_unreachable", title="No", detail="no", tips=["Run"]),
    ],
    "models": [],
}
ELSEWHERE, URL, NO_KEY, KEY = f"{DOWN}\r", f"{CLEAR}http://h/v1\r", "\r", "sk-1\r"
FIRST, SECOND = "\r", f"{DOWN}\r"
ID, LIMITS, NO_PRICE, YES = "\r", "\r\r\r", "\r", "\r"
AGAIN_URL, AGAIN_KEY, AGAIN_MODEL = "\r", "\r", "\r"


def lines(found: dict[str, Any]) -> bytes:
    """As the gateway tells it: each step, then the whole."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in (*found["steps"], found))


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[PipeInput]:
    # prompt_toolkit makes its 582 key bindings anew for every question, which takes longer than all else.
    monkeypatch.setattr("prompt_toolkit.application.application.load_key_bindings", KEY_BINDINGS)
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


@pytest.fixture(autouse=True)
def _answers(gateway: StubGateway) -> None:
    gateway.answers |= {
        PRESETS: (200, {"presets": [OLLAMA]}),
        PROBE: (200, lines(FOUND)),
        SETUP: (201, {"model": {"id": "custom:m", "is_active": True}, "filled_in": {}, **PASSED}),
        CREATE: (201, {"id": "custom:llama"}),
    }


def wizard(gateway: StubGateway, **given: Any) -> None:
    run_wizard(Client(gateway.url, "tg_key"), ModelForm(**given), no_test=False)


def test_what_is_answered_is_set_up(
    gateway: StubGateway, keyboard: PipeInput, capsys: pytest.CaptureFixture[str]
) -> None:
    keyboard.send_text(ELSEWHERE + URL + KEY + SECOND + f"{CLEAR}m\r" + "4096\r8\r30\r" + "0.1\r0.4\r" + YES)

    wizard(gateway)

    assert gateway.calls == [PRESETS, PROBE, SETUP]
    assert gateway.asked[1].body == {"endpoint_url": "http://h/v1", "api_key": "sk-1"}
    assert gateway.asked[2].body == {
        "model_id": "m",
        "endpoint_url": "http://h/v1",
        "provider": "openai-compatible",
        "api_key": "sk-1",
        "config": {"model": "mistral"},
        "context_window": 4096,
        "max_concurrency": 8,
        "timeout_s": 30.0,
        "price": {"input_per_mtok_usd": 0.1, "output_per_mtok_usd": 0.4},
    }
    shown = capsys.readouterr()
    assert "✓ dns    dns it is" in shown.err
    assert "custom:m is active" in shown.err
    assert "sk-1" not in shown.err + shown.out


def test_a_preset_and_what_the_endpoint_tells_are_offered(gateway: StubGateway, keyboard: PipeInput) -> None:
    keyboard.send_text(FIRST + "\r" + NO_KEY + FIRST + ID + LIMITS + NO_PRICE + YES)

    wizard(gateway)

    assert gateway.asked[2].body == {
        "model_id": "llama",
        "endpoint_url": "http://localhost:11434/v1",
        "provider": "openai-compatible",
        "config": {"model": "llama"},
        "context_window": 8192,
        "price": None,  # it was left empty, and shall stay so
    }


def test_a_known_price_and_window_are_offered(gateway: StubGateway, keyboard: PipeInput) -> None:
    gateway.answers[PROBE] = (200, lines(FOUND | {"models": [{"name": "gpt-4o-mini", "context_window": None}]}))
    keyboard.send_text("\r" + KEY + FIRST + ID + LIMITS + "\r\r" + YES)

    wizard(gateway, endpoint_url="https://api.openai.com/v1")

    body = gateway.asked[-1].body
    assert body["context_window"] >= 100_000
    assert body["price"]["input_per_mtok_usd"] > 0


def test_what_it_speaks_is_asked_only_when_it_was_assumed(gateway: StubGateway, keyboard: PipeInput) -> None:
    gateway.answers[PROBE] = (200, lines(FOUND | {"provider_assumed": True, "models": []}))
    keyboard.send_text(ELSEWHERE + URL + NO_KEY + SECOND + "claude\r" + ID + LIMITS + NO_PRICE + YES)

    wizard(gateway)

    assert gateway.asked[2].body["provider"] == "anthropic-compatible"
    assert gateway.asked[2].body["config"] == {"model": "claude"}


def test_after_a_failed_probe_the_answers_can_be_changed(
    gateway: StubGateway, keyboard: PipeInput, capsys: pytest.CaptureFixture[str]
) -> None:
    results = [(200, lines(FAILED)), (200, lines(FOUND))]
    gateway.answers[PROBE] = lambda: results.pop(0)
    keyboard.send_text(ELSEWHERE + URL + NO_KEY + FIRST + f"{CLEAR}http://other/v1\r" + NO_KEY)
    keyboard.send_text(FIRST + ID + LIMITS + NO_PRICE + YES)

    wizard(gateway)

    assert gateway.calls == [PRESETS, PROBE, PROBE, SETUP]
    assert gateway.asked[3].body["endpoint_url"] == "http://other/v1"
    text = capsys.readouterr().err
    assert "✗ endpoint_unreachable: no" in text
    assert "→ Run" in text


def test_after_a_failed_probe_one_can_leave(gateway: StubGateway, keyboard: PipeInput) -> None:
    gateway.answers[PROBE] = (200, lines(FAILED))
    keyboard.send_text(ELSEWHERE + URL + NO_KEY + DOWN + DOWN + ENTER)

    wizard(gateway)

    assert gateway.calls == [PRESETS, PROBE]


def test_after_a_failed_setup_the_answers_can_be_changed(
    gateway: StubGateway, keyboard: PipeInput, capsys: pytest.CaptureFixture[str]
) -> None:
    good = gateway.answers[SETUP]
    results = [(424, problem("authentication_failed", "no", "Give a valid key")), good]
    gateway.answers[SETUP] = lambda: results.pop(0)  # type: ignore[assignment, return-value]
    keyboard.send_text(ELSEWHERE + URL + KEY + FIRST + ID + LIMITS + NO_PRICE + YES)
    keyboard.send_text(ENTER + AGAIN_URL + "sk-2\r" + AGAIN_MODEL + ID + LIMITS + NO_PRICE + YES)

    wizard(gateway)

    assert gateway.calls == [PRESETS, PROBE, SETUP, PROBE, SETUP]
    assert gateway.asked[4].body["api_key"] == "sk-2"
    assert "→ Give a valid key" in capsys.readouterr().err


def test_another_endpoint_and_model_are_looked_at_anew(gateway: StubGateway, keyboard: PipeInput) -> None:
    keyboard.send_text(ELSEWHERE + URL + NO_KEY + FIRST + ID + LIMITS + NO_PRICE + DOWN + ENTER)
    keyboard.send_text(f"{CLEAR}http://other/v1\r" + NO_KEY + SECOND + ID + LIMITS + NO_PRICE + YES)

    wizard(gateway)

    probes = [one.body for one in gateway.asked if one.path == "/api/models/probe"]
    assert probes == [{"endpoint_url": "http://h/v1"}, {"endpoint_url": "http://other/v1"}]
    assert gateway.asked[-1].body["config"] == {"model": "mistral"}
    assert gateway.asked[-1].body["context_window"] is None


@pytest.mark.parametrize(("choice", "calls"), [(DOWN, [CREATE]), (DOWN * 2, [])])
def test_after_a_failed_setup_it_is_kept_inactive_or_left(
    gateway: StubGateway, keyboard: PipeInput, choice: str, calls: list[str]
) -> None:
    gateway.answers[SETUP] = (502, problem("server_error", "boom"))
    keyboard.send_text(ELSEWHERE + URL + NO_KEY + FIRST + ID + LIMITS + NO_PRICE + YES + choice + ENTER)

    wizard(gateway)

    assert gateway.calls == [PRESETS, PROBE, SETUP, *calls]
    if calls:
        assert gateway.asked[-1].body["is_active"] is False


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((400, problem("invalid_request", "endpoint_url does not name a valid host")), "does not name a valid host"),
        ((200, b""), "the gateway's answer broke off"),
        ((200, b"<html>"), "something that is not JSON"),
        ((404, {}), "404 to POST /api/models/probe"),
    ],
)
def test_a_probe_that_cannot_be_had_is_told(
    gateway: StubGateway, keyboard: PipeInput, capsys: pytest.CaptureFixture[str], answer: Any, sentence: str
) -> None:
    gateway.answers[PROBE] = answer
    keyboard.send_text(ELSEWHERE + URL + NO_KEY + DOWN + DOWN + ENTER)

    wizard(gateway)

    assert sentence in capsys.readouterr().err


def test_ctrl_c_leaves_at_any_question(gateway: StubGateway, keyboard: PipeInput) -> None:
    keyboard.send_text(ELSEWHERE + URL + NO_KEY + FIRST + CTRL_C)

    with pytest.raises(KeyboardInterrupt):
        wizard(gateway)

    assert gateway.calls == [PRESETS, PROBE]


def test_untested_on_request(gateway: StubGateway, keyboard: PipeInput) -> None:
    keyboard.send_text(ELSEWHERE + URL + NO_KEY + FIRST + ID + LIMITS + NO_PRICE + YES)

    run_wizard(Client(gateway.url, "tg_key"), ModelForm(), no_test=True)

    assert gateway.calls == [PRESETS, PROBE, CREATE]
    assert gateway.asked[-1].body["is_active"] is True
