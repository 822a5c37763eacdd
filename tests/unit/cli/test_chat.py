import json

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from services.cli.conversation import Conversation
from shared.client import Client
from tests.support.stub_gateway import StubGateway, problem
from tests.unit.cli.conftest import Run

CHAT, SESSION = "POST /v1/chat/completions", "POST /api/codebase/chat"
COMPLETION = {"choices": [{"message": {"role": "assistant", "content": "[bold]hi[/bold]"}}]}
ANSWERED = {"success": True, "message": "hi", "model": "custom:m", "inference_id": "01"}


def test_the_answer_alone_is_on_standard_output(gateway: StubGateway, run: Run) -> None:
    gateway.answers[CHAT] = (200, COMPLETION)
    gateway.headers |= {"x-tallygate-model": "custom:m", "x-tallygate-attempts": "2", "x-tallygate-inference-id": "01"}

    done = run("chat", "hello", "--model", "custom:m", "--system", "be brief", "-v")

    assert done.stdout == "[bold]hi[/bold]\n"
    assert "custom:m · attempts: 2 · tallygate show 01" in done.stderr
    assert gateway.asked[0].body == {
        "model": "custom:m",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}],
    }


def test_the_question_from_standard_input(gateway: StubGateway, run: Run) -> None:
    gateway.answers[CHAT] = (200, COMPLETION)

    assert json.loads(run("chat", "-", "--json", stdin="hello\n").stdout) == COMPLETION
    assert gateway.asked[0].body == {"messages": [{"role": "user", "content": "hello"}]}
    assert "the message is empty" in run("chat").stderr


def test_a_failure_names_every_attempt(gateway: StubGateway, run: Run) -> None:
    attempts = [
        {"model": "custom:a", "error_type": "overloaded", "upstream_status": 503, "detail": "busy"},
        {"model": "custom:b", "error_type": "endpoint_unreachable", "upstream_status": None, "detail": "refused"},
    ]
    error = {"code": "endpoint_unreachable", "message": "No connection: refused", "tips": ["Start it"]}
    gateway.answers[CHAT] = (502, {"error": error | {"inference_id": "01", "attempts": attempts}})

    done = run("chat", "hello")

    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "✗ endpoint_unreachable: No connection: refused",
        "  attempt 1: custom:a overloaded (503): busy",
        "  attempt 2: custom:b endpoint_unreachable",
        "  → Start it",
        "  timeline: tallygate show 01",
    ]


def test_an_answer_without_a_message(gateway: StubGateway, run: Run) -> None:
    gateway.answers[CHAT] = (200, {"choices": []})

    assert "bad_response" in run("chat", "hello").stderr


def test_one_question_in_a_session(gateway: StubGateway, run: Run) -> None:
    gateway.answers[SESSION] = (200, ANSWERED)

    assert run("chat", "hello", "--session", "s").stdout == "hi\n"
    assert gateway.asked[0].body == {"sessionId": "s", "message": "hello"}
    assert "--system cannot be used" in run("chat", "x", "--session", "s", "--system", "y").stderr


def test_a_conversation_outlives_a_failed_question(gateway: StubGateway, capsys: pytest.CaptureFixture[str]) -> None:
    results = [(502, problem("server_error", "boom")), (200, ANSWERED)]
    gateway.answers[SESSION] = lambda: results.pop(0)
    gateway.answers["GET /api/codebase/chat?sessionId=s"] = (200, {"total": 4})

    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        pipe.send_text("one\rtwo\r\r")
        Conversation(Client(gateway.url), "s", None, as_json=False, verbose=False).run()

    printed = capsys.readouterr()
    assert "4 messages so far" in printed.err
    assert "server_error: boom" in printed.err
    assert printed.out == "hi\n"
