from collections.abc import Iterator

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from services.cli.client import Client
from services.cli.endpoint_models import models_at_endpoint
from services.cli.model_form import ModelForm, Provider
from services.cli.wizard import run_wizard
from tests.unit.cli.stub import StubGateway, problem
from tests.unit.cli.test_model_add import ACTIVATE, CREATE, PASSED, REMOVE, TEST

DOWN, ENTER, CLEAR, CTRL_C = "\x1b[B", "\r", "\x15", "\x03"


@pytest.fixture
def keyboard() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


@pytest.fixture(autouse=True)
def _answers(gateway: StubGateway) -> None:
    gateway.answers |= {
        CREATE: (201, {"id": "custom:m", "is_active": False}),
        TEST: (200, PASSED),
        ACTIVATE: (200, {"id": "custom:m", "is_active": True}),
        REMOVE: (204, None),
        "GET /v1/models": (200, {"data": [{"id": "llama"}, {"id": "mistral"}]}),
    }


def test_what_is_answered_is_registered_tested_and_activated(gateway: StubGateway, keyboard: PipeInput) -> None:
    keyboard.send_text(f"m\r{CLEAR}{gateway.url}/v1\r\rsk-1\r{DOWN}\r0.1\r0.4\r")

    run_wizard(Client(gateway.url, "tg_key"), ModelForm(), no_test=False)

    assert gateway.calls == ["GET /v1/models", CREATE, TEST, ACTIVATE]
    assert gateway.asked[0].headers["authorization"] == "Bearer sk-1"
    body = gateway.asked[1].body
    assert body["api_key"] == "sk-1"
    assert body["config"] == {"model": "mistral"}
    assert body["price"] == {"input_per_mtok_usd": 0.1, "output_per_mtok_usd": 0.4}


def test_after_a_failure_the_answers_can_be_changed(
    gateway: StubGateway, keyboard: PipeInput, capsys: pytest.CaptureFixture[str]
) -> None:
    results = [(424, problem("authentication_failed", "no", "Store a valid key")), (200, PASSED)]
    gateway.answers[TEST] = lambda: results.pop(0)
    keyboard.send_text(f"m\r{CLEAR}{gateway.url}/v1\r\rsk-1\r\r\r{ENTER}\r\r\rsk-2\r\r\r")

    run_wizard(Client(gateway.url, "tg_key"), ModelForm(), no_test=False)

    listing = "GET /v1/models"
    assert gateway.calls == [listing, CREATE, TEST, REMOVE, listing, CREATE, TEST, ACTIVATE]
    assert gateway.asked[5].body["api_key"] == "sk-2"
    assert "→ Store a valid key" in capsys.readouterr().err


@pytest.mark.parametrize(("choice", "calls"), [(DOWN, []), (DOWN * 2, [REMOVE])])
def test_after_a_failure_it_is_kept_inactive_or_removed(
    gateway: StubGateway, keyboard: PipeInput, choice: str, calls: list[str]
) -> None:
    gateway.answers[TEST] = (502, problem("server_error", "boom"))
    keyboard.send_text(f"m\r{CLEAR}{gateway.url}/v1\r\r\r\r\r{choice}\r")

    run_wizard(Client(gateway.url, "tg_key"), ModelForm(), no_test=False)

    assert gateway.calls == ["GET /v1/models", CREATE, TEST, *calls]


def test_ctrl_c_at_the_choice_takes_it_back(gateway: StubGateway, keyboard: PipeInput) -> None:
    gateway.answers[TEST] = (502, problem("server_error", "boom"))
    keyboard.send_text(f"m\r{CLEAR}{gateway.url}/v1\r\r\r\r\r{CTRL_C}")

    with pytest.raises(KeyboardInterrupt):
        run_wizard(Client(gateway.url, "tg_key"), ModelForm(), no_test=False)

    assert gateway.calls[-1] == REMOVE


def test_a_refusal_of_the_gateway_can_be_corrected(gateway: StubGateway, keyboard: PipeInput) -> None:
    results = [(409, problem("invalid_request", "exists already")), (201, {"id": "custom:m"})]
    gateway.answers[CREATE] = lambda: results.pop(0)
    keyboard.send_text(f"n\r{CLEAR}{gateway.url}/v1\r\r\r\r\ry{CLEAR}m\r\r\r\r\r\r")

    run_wizard(Client(gateway.url, "tg_key"), ModelForm(), no_test=False)

    assert [one.body["model_id"] for one in gateway.asked if f"{one.method} {one.path}" == CREATE] == ["n", "m"]
    assert gateway.calls[-1] == ACTIVATE


def test_an_endpoint_that_lists_nothing_is_no_obstacle(gateway: StubGateway) -> None:
    form = ModelForm(endpoint_url=f"{gateway.url}/v1/messages", provider=Provider.ANTHROPIC, api_key="k")
    assert models_at_endpoint(form) == ["llama", "mistral"]
    assert gateway.asked[0].headers["x-api-key"] == "k"

    for answer in ((200, b"<html>"), (200, {"data": None}), (401, {}), (200, [1])):
        gateway.answers["GET /v1/models"] = answer
        assert models_at_endpoint(form) == []
    assert models_at_endpoint(ModelForm(endpoint_url="http://127.0.0.1:1")) == []
