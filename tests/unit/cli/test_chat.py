import io
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any, cast

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
DONE = b"data: [DONE]\n\n"
ERROR = {"code": "stream_broken", "message": "It broke off", "tips": ["Try again"], "inference_id": "01"}


def event(data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def chunk(**delta: Any) -> bytes:
    return event({"model": "llama", "choices": [{"index": 0, "delta": delta}]})


def streamed(*events: bytes) -> tuple[int, Iterator[bytes]]:
    return 200, iter(events)


def test_the_answer_alone_is_on_standard_output(gateway: StubGateway, run: Run) -> None:
    texts = [chunk(role="assistant", content=""), chunk(content="[bold]hi"), chunk(content="\x1b[/bold]")]
    gateway.answers[CHAT] = streamed(b": keep-alive\n\n", *texts, event({"choices": [], "usage": {}}), DONE)
    gateway.headers["x-tallygate-inference-id"] = "01"

    done = run("chat", "hello", "--model", "custom:m", "-v")

    assert (done.stdout, done.exit_code) == ("[bold]hi[/bold]\n", 0)
    assert "llama · tallygate show 01" in done.stderr
    assert gateway.asked[0].body == {
        "model": "custom:m",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
    }


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (event({"error": ERROR}) + DONE, ["✗ stream_broken: It broke off", "  → Try again"]),
        (b"", ["✗ stream_broken: the gateway's answer broke off: it ended without a word"]),
    ],
    ids=["an error", "no end"],
)
def test_what_came_before_an_error_stays_and_is_no_whole_answer(
    gateway: StubGateway, run: Run, last: bytes, told: list[str]
) -> None:
    gateway.answers[CHAT] = streamed(chunk(content="one"), last)

    done = run("chat", "hello")

    assert (done.stdout, done.exit_code) == ("one\n", 1)
    assert done.stderr.splitlines()[0] == "What has come is not the whole answer."
    assert done.stderr.splitlines()[1 : len(told) + 1] == told


def interrupted(first: bytes, text: bytes) -> Iterator[bytes]:
    """A stream whose reader presses Ctrl-C when the text of its first event is shown. It goes on until he leaves."""
    yield first
    while text not in cast(io.BytesIO, sys.stdout.buffer).getvalue():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)
    while True:
        yield b": keep-alive\n\n"
        time.sleep(0.01)


def test_an_answer_is_shown_as_it_comes_and_ends_with_ctrl_c(gateway: StubGateway, run: Run) -> None:
    gateway.answers[CHAT] = (200, interrupted(chunk(content="one"), b"one"))

    done = run("chat", "hello")

    assert (done.stdout, done.exit_code) == ("one\n", 130)
    assert "What has come is not the whole answer." in done.stderr
    assert gateway.asked[0].headers["x-tallygate-cancel-on-disconnect"] == "true"


def test_a_stream_without_text_shows_what_the_answer_holds_instead(gateway: StubGateway, run: Run) -> None:
    gateway.answers[CHAT] = streamed(chunk(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f"}}]), DONE)
    assert "'name': 'f'" in run("chat", "hello").stdout

    gateway.answers[CHAT] = streamed(DONE)
    assert "bad_response" in run("chat", "hello").stderr


def test_a_whole_answer_on_request(gateway: StubGateway, run: Run) -> None:
    gateway.answers[CHAT] = (200, COMPLETION)
    gateway.headers |= {"x-tallygate-model": "custom:m", "x-tallygate-attempts": "2", "x-tallygate-inference-id": "01"}

    done = run("chat", "hello", "--model", "custom:m", "--system", "be brief", "-v", "--no-stream")

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

    assert "bad_response" in run("chat", "hello", "--no-stream").stderr


def test_one_question_in_a_session(gateway: StubGateway, run: Run) -> None:
    gateway.answers[SESSION] = streamed(event({"delta": "h"}), event({"delta": "i"}), event(ANSWERED), DONE)

    done = run("chat", "hello", "--session", "s", "-v")
    assert done.stdout == "hi\n"
    assert "custom:m · tallygate show 01" in done.stderr
    assert gateway.asked[0].body == {"sessionId": "s", "message": "hello", "stream": True}

    gateway.answers[SESSION] = (200, ANSWERED)
    assert run("chat", "hello", "--session", "s", "--no-stream").stdout == "hi\n"
    assert json.loads(run("chat", "hello", "--session", "s", "--json").stdout) == ANSWERED
    assert gateway.asked[-1].body == {"sessionId": "s", "message": "hello"}
    assert "--system cannot be used" in run("chat", "x", "--session", "s", "--system", "y").stderr


def test_a_conversation_outlives_a_failed_question(gateway: StubGateway, capsys: pytest.CaptureFixture[str]) -> None:
    left = (200, interrupted(event({"delta": "first"}), b"first"))
    results = [(502, problem("server_error", "boom")), left, streamed(event(ANSWERED), DONE)]
    gateway.answers[SESSION] = lambda: results.pop(0)
    gateway.answers["GET /api/codebase/chat?sessionId=s"] = (200, {"total": 4})

    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        pipe.send_text("one\rtwo\rthree\r\r")
        Conversation(Client(gateway.url), "s", None, streams=True, as_json=False, verbose=False).run()

    printed = capsys.readouterr()
    assert "4 messages so far" in printed.err
    assert "server_error: boom" in printed.err
    assert "The answer was ended." in printed.err
    assert printed.out == "first\nhi\n"
