"""POST /v1/messages: what of a request is published, and errors in Anthropic's form."""

from typing import Any

import orjson
import pytest

from services.gateway.bodies import InvalidBodyError
from services.gateway.event_stream import MessagesWords
from services.gateway.inference.admission import Admitted, Deadlines, admit_messages
from shared.errors import failure
from shared.events import InferenceRequested
from shared.inferences import InferenceFailedError
from tests.support.gateway_app import NOW, gateway_here, told
from tests.unit.shared.events.samples import INFERENCE

PATH = "/v1/messages"
BODY: dict[str, Any] = {"model": "custom:m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def admitted(body: dict[str, Any], **headers: str) -> Admitted:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return admit_messages(orjson.dumps(body), sent, NOW, Deadlines(60.0, 600.0))


def test_what_is_published_is_in_the_callers_form_without_our_own_fields() -> None:
    body = BODY | {"stream": True, "tomorrow": 1}
    found = admitted(body | {"deadline_s": 5, "policy": "fastest", "no_fallback": True})
    assert orjson.loads(found.body) == body
    assert (found.form, found.operation, found.model, found.stream) == ("anthropic", "chat", "custom:m", True)
    assert (found.deadline_at - found.accepted_at).total_seconds() == 5
    assert (found.options.policy, found.options.no_fallback) == ("fastest", True)


def test_the_version_of_the_form_and_its_betas_are_passed_on_and_nothing_else() -> None:
    found = admitted(BODY, anthropic_version="2023-06-01", anthropic_beta="a-1,b-2", x_api_key="tg_x", cookie="c")
    assert found.passed_headers == (("anthropic-version", "2023-06-01"), ("anthropic-beta", "a-1,b-2"))


@pytest.mark.parametrize("value", ["a" * 2001, "ä", "a\x00"], ids=["long", "beyond ASCII", "NUL"])
def test_headers_that_no_event_can_hold_are_refused_by_name(value: str) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        admitted(BODY, anthropic_beta=value)
    assert caught.value.param == "anthropic-beta"


async def test_a_request_is_published_and_the_query_of_sdks_is_no_hindrance() -> None:
    here = gateway_here()
    answer = await told(here, "POST", PATH + "?beta=true", orjson.dumps(BODY), [(b"anthropic-beta", b"a-1")])
    assert (answer.status, answer.error_type) == (504, "expired")
    [request] = [event for event in here.broker.events if isinstance(event, InferenceRequested)]
    assert (request.form, request.passed_headers) == ("anthropic", (("anthropic-beta", "a-1"),))
    assert answer.headers["request-id"] == answer.headers["x-tallygate-inference-id"] == str(request.inference_id)
    assert answer.body["request_id"] == answer.body["error"]["inference_id"] == str(request.inference_id)


@pytest.mark.parametrize(
    ("sent", "status", "kind", "param"),
    [
        (b"{", 400, "invalid_request_error", None),
        (b'{"max_tokens": NaN}', 400, "invalid_request_error", None),
        (orjson.dumps(BODY)[:-1] + b',"system": "\\ud800"}', 400, "invalid_request_error", None),
        (b'{"messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "invalid_request_error", None),
        (orjson.dumps(BODY | {"messages": []}), 400, "invalid_request_error", "messages"),
        (orjson.dumps(BODY | {"max_tokens": None}), 400, "invalid_request_error", "max_tokens"),
        (orjson.dumps(BODY | {"max_tokens": "9"}), 400, "invalid_request_error", "max_tokens"),
        (orjson.dumps(BODY | {"stop_sequences": ["x"] * 1_000_000}), 413, "request_too_large", None),
        (orjson.dumps(BODY | {"stop_sequences": ["x"] * 1001}), 400, "invalid_request_error", "stop_sequences"),
        (orjson.dumps(BODY | {"messages": [{"role": "tool", "content": "x"}]}), 400, "invalid_request_error",
         "messages[0].role"),
        (orjson.dumps(BODY | {"system": 1}), 400, "invalid_request_error", "system"),
        (orjson.dumps(BODY | {"model": "custom:nobody"}), 404, "not_found_error", None),
        (b"x" * 4_000_000, 413, "request_too_large", None),
    ],
    ids=["cut", "NaN", "half a pair", "deep", "no messages", "no limit", "a limit in words", "a million stop words",
         "many stop words", "another role", "a system of numbers", "an unknown model", "4 MB"],
)  # fmt: skip
async def test_errors_are_in_the_form_of_the_surface(sent: bytes, status: int, kind: str, param: str | None) -> None:
    answer = await told(gateway_here(), "POST", PATH, sent)
    assert (answer.status, answer.body["type"]) == (status, "error")
    assert (answer.body["error"]["type"], answer.body["error"]["param"]) == (kind, param)
    assert answer.body["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", PATH, 405), ("POST", PATH + "/nothing", 404)])
async def test_what_is_not_there_is_told_in_the_form_too(method: str, path: str, status: int) -> None:
    answer = await told(gateway_here(), method, path, orjson.dumps(BODY))
    assert (answer.status, answer.body["type"]) == (status, "error")


async def test_a_limit_is_told_in_the_form_too() -> None:
    here = gateway_here(tenant_rate_per_s=0.001, tenant_burst=1)
    await told(here, "POST", PATH, orjson.dumps(BODY))
    limited = await told(here, "POST", PATH, orjson.dumps(BODY))
    assert (limited.status, limited.body["error"]["type"]) == (429, "rate_limit_error")


async def test_what_nobody_foresaw_is_told_in_the_form() -> None:
    here = gateway_here()
    del here.app.state.gateway
    answer = await told(here, "POST", PATH, orjson.dumps(BODY))
    assert (answer.status, answer.body["error"]["type"]) == (500, "api_error")


def test_events_are_told_by_their_types() -> None:
    words = MessagesWords(lambda inference_id: inference_id)
    first, second = b'{"type":"message_start","message":{}}', b'{"message": 1, "type": "message_stop"}'
    assert words.chunks(first + b"\n" + second) == (
        b"event: message_start\ndata: " + first + b"\n\nevent: message_stop\ndata: " + second + b"\n\n"
    )


def test_the_last_words_of_a_broken_stream_are_an_error() -> None:
    failed = InferenceFailedError(failure("overloaded", "busy"), INFERENCE, ({"model": "m"},))
    event = MessagesWords(lambda inference_id: f"req-{inference_id}").failed(failed)
    name, _, data = event.partition(b"\ndata: ")
    body = orjson.loads(data)
    assert (name, body["type"], body["error"]["type"]) == (b"event: error", "error", "overloaded_error")
    assert (body["request_id"], body["error"]["attempts"]) == (f"req-{INFERENCE}", [{"model": "m"}])


COUNT = PATH + "/count_tokens"
ASKED = {"model": "custom:m", "messages": [{"role": "user", "content": "x" * 400}]}


async def test_where_no_endpoint_can_count_the_tokens_are_estimated() -> None:
    """Also of more than the model's window holds: whoever counts wants to know."""
    here = gateway_here()
    for body, tokens in ((ASKED, 104), (ASKED | {"system": "y" * 4_000}, 1104)):
        answer = await told(here, "POST", COUNT, orjson.dumps(body))
        assert (answer.status, answer.body) == (200, {"input_tokens": tokens})
        assert answer.headers["x-tallygate-usage"] == "estimated"
    assert here.broker.events == []


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (ASKED | {"stream": True}, 400, "stream"),
        ({"model": "custom:m"}, 400, "messages"),
        (ASKED | {"model": "custom:nobody"}, 404, None),
    ],
    ids=["a stream", "no messages", "an unknown model"],
)
async def test_what_cannot_be_counted(body: dict[str, Any], status: int, param: str | None) -> None:
    answer = await told(gateway_here(), "POST", COUNT, orjson.dumps(body))
    assert (answer.status, answer.body["type"], answer.body["error"]["param"]) == (status, "error", param)
