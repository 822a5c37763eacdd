import json
from typing import Any

import pytest

from services.cli.monitoring import background
from tests.support.stub_gateway import StubGateway, Told, problem
from tests.unit.cli.conftest import Run
from tests.unit.cli.monitoring.test_tail import event

EVENTS = "GET /api/inferences/01/events"
RUNNING = {"inference_id": "01", "state": "running"}
SETTLED = {"inference_id": "01", "state": "completed", "model": "custom:a", "error": None}
COMPLETION = {"choices": [{"index": 0, "message": {"content": "hi [there]"}, "finish_reason": "stop"}]}
FAILED = {"inference_id": "01", "state": "failed", "model": None} | {
    "error": {"error_type": "overloaded", "detail": "h:80 answered 503", "tips": ["Try again later"]}
}


def told(*events: tuple[str, Any]) -> Told:
    return (200, iter([event(name, data) for name, data in events]))


def chunk(text: str) -> tuple[str, Any]:
    return "chunk", {"choices": [{"index": 0, "delta": {"content": text}}]}


def test_an_answer_is_printed_when_it_is_there(gateway: StubGateway, run: Run) -> None:
    gateway.answers[EVENTS] = told(("state", RUNNING), ("settled", SETTLED | {"result": COMPLETION}))
    done = run("inferences", "follow", "01")
    assert (done.exit_code, done.stdout) == (0, "hi [there]\n")


def test_what_is_no_text_is_printed_as_json(gateway: StubGateway, run: Run) -> None:
    vectors = {"data": [{"embedding": [0.5]}]}
    gateway.answers[EVENTS] = told(("settled", SETTLED | {"result": vectors}))
    assert json.loads(run("inferences", "follow", "01").stdout) == vectors


@pytest.mark.parametrize(
    "of", [chunk, lambda text: ("chunk", {"delta": {"type": "text_delta", "text": text}})],
    ids=["openai", "anthropic"],
)  # fmt: skip
def test_a_stream_that_breaks_off_is_opened_again_and_each_chunk_is_told_once(
    gateway: StubGateway, run: Run, monkeypatch: pytest.MonkeyPatch, of: Any
) -> None:
    monkeypatch.setattr(background, "_AGAIN_AFTER_S", 0.0)
    left = iter(
        [
            told(("state", RUNNING), of("a"), of("b")),
            (503, problem("unavailable", "the gateway stops")),
            told(("state", RUNNING), of("a"), of("b"), of("c"), ("settled", SETTLED)),
        ]
    )
    gateway.answers[EVENTS] = lambda: next(left)
    done = run("inferences", "follow", "01")
    assert (done.exit_code, done.stdout) == (0, "abc\n")
    assert done.stderr.count("is followed again") == 2


def test_a_failure_is_told_and_ends_with_status_1(gateway: StubGateway, run: Run) -> None:
    gateway.answers[EVENTS] = told(("state", RUNNING), chunk("a"), ("settled", FAILED))
    done = run("inferences", "follow", "01")
    assert (done.exit_code, done.stdout) == (1, "a\n")
    assert "h:80 answered 503" in done.stderr
    assert "Try again later" in done.stderr


def test_json_lines_of_all_events(gateway: StubGateway, run: Run) -> None:
    gateway.answers[EVENTS] = told(("state", RUNNING), chunk("a"), ("settled", SETTLED))
    lines = [json.loads(line) for line in run("inferences", "follow", "01", "--json").stdout.splitlines()]
    assert [line["event"] for line in lines] == ["state", "chunk", "settled"]
    assert lines[-1] == {"event": "settled"} | SETTLED


def test_what_is_not_there_is_not_asked_for_again(gateway: StubGateway, run: Run) -> None:
    gateway.answers[EVENTS] = (404, problem("invalid_request", "there is no inference '01'"))
    done = run("inferences", "follow", "01")
    assert done.exit_code == 1
    assert len(gateway.asked) == 1


def test_one_is_cancelled(gateway: StubGateway, run: Run) -> None:
    gateway.answers["DELETE /api/inferences/01"] = (202, {"inference_id": "01", "state": "cancelling"})
    done = run("inferences", "cancel", "01")
    assert (done.exit_code, done.stdout) == (0, "✓ 01 is being cancelled\n")
