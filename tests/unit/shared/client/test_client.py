import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest

from shared.client import Client, Problem, ProblemError
from shared.client.async_client import AsyncClient
from tests.support.stub_gateway import StubGateway, problem, running_stub


@pytest.fixture
def gateway() -> Iterator[StubGateway]:
    with running_stub() as stub:
        yield stub


def test_the_key_is_sent_and_the_query_is_encoded(gateway: StubGateway) -> None:
    gateway.answers["GET /x?window=1+h"] = (200, {"ok": True})

    answer = Client(gateway.url + "/", "tg_key").get("/x", window="1 h", model=None)

    assert answer.body == {"ok": True}
    assert gateway.asked[0].headers["authorization"] == "Bearer tg_key"


def test_a_problem_is_read_from_either_form(gateway: StubGateway) -> None:
    attempts = [{"model": "custom:a", "error_type": "overloaded"}]
    members = {"tips": ["wait"], "inference_id": "01", "attempts": attempts}
    gateway.answers["GET /api"] = (503, problem("overloaded", "busy") | members)
    gateway.answers["GET /v1"] = (503, {"error": {"code": "overloaded", "message": "busy"} | members})

    for path in ("/api", "/v1"):
        assert _problem(gateway.url, path) == Problem("overloaded", "busy", ("wait",), 503, "01", tuple(attempts))


@pytest.mark.parametrize(
    "answer",
    [(200, b"<html>"), (502, b"<html>"), (404, {"error": {"code": "unknown_url", "message": "?"}}), (500, ["x"])],
)
def test_what_is_not_tallygate_is_told_so(gateway: StubGateway, answer: tuple[int, object]) -> None:
    gateway.answers["GET /x"] = answer

    problem = _problem(gateway.url, "/x")

    assert problem.error_type == "bad_response"
    assert "something else may listen there" in problem.tips[0]


def test_a_redirect_does_not_get_the_key(gateway: StubGateway) -> None:
    gateway.headers["location"] = f"{gateway.url}/elsewhere"
    gateway.answers["GET /x"] = (307, None)

    assert _problem(gateway.url, "/x").error_type == "bad_response"
    assert gateway.calls == ["GET /x"]


def test_nobody_there() -> None:
    problem = _problem("http://127.0.0.1:1", "/x")

    assert problem.error_type == "endpoint_unreachable"
    assert problem.detail == "nothing answers at http://127.0.0.1:1: Connection refused"
    assert "--gateway" in problem.tips[1]


@pytest.mark.parametrize("url", ["gateway", "file:///etc/passwd", "http://", "http://[x", "http://h:99999"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ProblemError, match="is not a URL"):
        Client(url)


def _problem(url: str, path: str) -> Problem:
    with pytest.raises(ProblemError) as caught:
        Client(url, "tg_key").get(path)
    return caught.value.problem


def _chat(gateway: StubGateway, *pieces: bytes) -> Iterator[Any]:
    gateway.answers["POST /x"] = (200, iter(pieces))
    with Client(gateway.url).stream("/x", {}) as answer:
        yield from answer


def test_a_stream_is_read_as_it_comes_and_is_whole_by_its_own_word_only(gateway: StubGateway) -> None:
    read = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b'data: {"a": "\xc3'
        yield b'\xa4"}\r\n\r\n'
        assert read.wait(60)
        yield b": keep-alive\n\ndata: [DONE]\n\ndata: {}\n\n"

    gateway.answers["POST /x"] = (200, pieces())
    with Client(gateway.url, "tg_key").stream("/x", {"stream": True}) as answer:
        events = iter(answer)
        assert next(events) == {"a": "ä"}
        read.set()
        assert list(events) == []
    assert gateway.asked[0].headers["accept"] == "text/event-stream"


@pytest.mark.parametrize(
    ("last", "error_type"),
    [
        (b"", "stream_broken"),
        (b"data: [DO", "stream_broken"),
        (b"data: {\n\n", "stream_broken"),
        (b"data: []\n\n", "stream_broken"),
        (b'data: {"error": {"code": "overloaded", "message": "busy", "tips": []}}\n\n', "overloaded"),
        (b'event: error\ndata: {"code": "overloaded", "detail": "busy", "tips": []}\n\n', "overloaded"),
        (b'data: {"error": "?"}\n\n', "bad_response"),
    ],
)
def test_a_stream_that_breaks_off_is_an_error(gateway: StubGateway, last: bytes, error_type: str) -> None:
    events = _chat(gateway, b"data: {}\n\n", last)
    assert next(events) == {}
    with pytest.raises(ProblemError) as caught:
        next(events)
    assert caught.value.problem.error_type == error_type


def test_a_stream_that_does_not_begin_is_refused_as_other_answers_are(gateway: StubGateway) -> None:
    gateway.answers["POST /x"] = (503, problem("overloaded", "busy"))
    with pytest.raises(ProblemError, match="overloaded: busy"):
        Client(gateway.url).stream("/x", {})
    gateway.answers["POST /x"] = (200, {"not": "a stream"})
    with pytest.raises(ProblemError, match="something that is no stream"):
        Client(gateway.url).stream("/x", {})


async def test_many_at_once_get_the_same_answer_as_one_who_waits(gateway: StubGateway) -> None:
    gateway.headers["x-tallygate-inference-id"] = "01"
    gateway.answers["POST /x"] = (503, problem("overloaded", "busy", "wait"))

    waited = await asyncio.to_thread(Client(gateway.url, "tg_key").send, "POST", "/x", {"a": 1})
    async with aiohttp.ClientSession() as session:
        answer = await AsyncClient(session, gateway.url, "tg_key").send("POST", "/x", {"a": 1})

    assert (answer.status, answer.text, answer.inference_id) == (503, waited.text, waited.inference_id)
    assert Problem.parse(answer) == Problem.parse(waited) == Problem("overloaded", "busy", ("wait",), 503)
    assert [(one.body, one.headers["authorization"]) for one in gateway.asked] == [({"a": 1}, "Bearer tg_key")] * 2


def test_what_is_no_json_is_read_as_text(gateway: StubGateway) -> None:
    gateway.answers["GET /metrics"] = (200, b"one 1\n")

    assert Client(gateway.url).text("/metrics") == "one 1\n"
    with pytest.raises(ProblemError, match="no such path"):
        Client(gateway.url).text("/x")


@pytest.mark.parametrize(
    "read",
    [lambda client: client.lines("/x", {}), lambda client: client.events("/y")],
    ids=["lines", "events"],
)
def test_an_error_in_the_middle_of_a_stream_is_told_after_what_came_before(
    gateway: StubGateway, read: Callable[[Client], Iterator[object]]
) -> None:
    told = json.dumps(problem("unavailable", "the database is read-only", "Try again.", status=503)).encode()
    gateway.answers["POST /x"] = (200, b'{"step": "dns", "error": ' + told + b'}\n{"error": ' + told + b"}\n")
    gateway.answers["GET /y"] = (
        200,
        b'event: progress\ndata: {"step": "dns"}\n\nevent: error\ndata: ' + told + b"\n\n",
    )
    values = read(Client(gateway.url))
    next(values)
    with pytest.raises(ProblemError) as caught:
        next(values)
    assert (caught.value.problem.error_type, caught.value.problem.status) == ("unavailable", 503)
