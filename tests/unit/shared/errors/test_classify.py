from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ErrorType, Failure
from shared.errors.classify import UpstreamError, classify, status_in

STATUSES = [*range(300, 309), *range(400, 419), 422, 425, 429, 431, 451, *range(500, 512), 520, 529, 599]


def told(status: int, body: object = b"", headers: dict[str, str] | None = None, *secrets: str) -> Failure:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return classify(status, headers or {}, raw, model="custom:m", host="h:80", secrets=secrets)


def openai(message: str, kind: str = "invalid_request_error", code: str | None = None) -> object:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic(message: str, kind: str) -> object:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


@pytest.mark.parametrize(
    ("status", "error_type"),
    [
        (400, "invalid_request"),
        (401, "authentication_failed"),
        (402, "quota_exceeded"),
        (403, "permission_denied"),
        (404, "endpoint_not_found"),
        (405, "endpoint_not_found"),
        (408, "read_timeout"),
        (409, "invalid_request"),
        (413, "payload_too_large"),
        (422, "invalid_request"),
        (429, "rate_limited"),
        (500, "server_error"),
        (502, "server_error"),
        (503, "overloaded"),
        (504, "server_error"),
        (529, "overloaded"),
        (301, "endpoint_not_found"),
        (308, "endpoint_not_found"),
    ],
)
def test_the_status_alone_decides_when_the_body_says_nothing(status: int, error_type: ErrorType) -> None:
    failed = told(status)
    assert failed.error_type == error_type
    assert failed.upstream_status == status


@pytest.mark.parametrize(
    ("status", "body", "error_type"),
    [
        (400, openai("This model's maximum context length is 8192 tokens."), "context_length_exceeded"),
        (400, openai("too long", code="context_length_exceeded"), "context_length_exceeded"),
        (400, anthropic("prompt is too long: 9 > 8", "invalid_request_error"), "context_length_exceeded"),
        (400, {"detail": "Requested tokens exceed context window of 2048"}, "context_length_exceeded"),
        (422, b"the request exceeds the model's context", "context_length_exceeded"),
        (400, openai("Invalid prompt", code="content_policy_violation"), "content_filtered"),
        (400, openai("The response was filtered due to content management policy"), "content_filtered"),
        (400, openai("Your request was rejected by our safety system"), "content_filtered"),
        (400, openai("Unknown parameter: 'foo'"), "invalid_request"),
        (400, anthropic("Your credit balance is too low to access the API", "invalid_request_error"),
         "quota_exceeded"),
        (404, openai("The model `x` does not exist", code="model_not_found"), "model_not_found"),
        (404, anthropic("model: claude-x", "not_found_error"), "model_not_found"),
        (404, {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError"},
         "model_not_found"),
        (404, {"detail": "Not Found"}, "endpoint_not_found"),
        (404, b"<html><h1>404 page not found</h1></html>", "endpoint_not_found"),
        (429, openai("Rate limit reached", "tokens"), "rate_limited"),
        (429, openai("You exceeded your current quota", "insufficient_quota"), "quota_exceeded"),
        (429, openai("Check your plan and billing details"), "quota_exceeded"),
        (500, anthropic("Overloaded", "overloaded_error"), "overloaded"),
        (500, openai("The server had an error", "server_error"), "server_error"),
        (529, anthropic("Overloaded", "overloaded_error"), "overloaded"),
        (401, anthropic("invalid x-api-key", "authentication_error"), "authentication_failed"),
        (403, {"detail": "maximum context length"}, "permission_denied"),
    ],
)  # fmt: skip
def test_the_body_says_more_than_the_status(status: int, body: object, error_type: ErrorType) -> None:
    assert told(status, body).error_type == error_type


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (orjson.dumps(openai("no", "kind", "why")), "no", "kind why"),
        (orjson.dumps(anthropic("no", "kind")), "no", "kind"),
        (b'{"detail": "Not Found"}', "Not Found", ""),
        (b'{"error": "model is loading"}', "model is loading", ""),
        (b'{"msg": "short"}', "short", ""),
        (b'{"error": {"unknown": 1}}', '{"unknown":1}', ""),
        (b"plain text", "plain text", ""),
        (b"  <html><body><h1>502</h1>\n<p>Bad Gateway</p></body></html>", "502 Bad Gateway", ""),
        (b"", "", ""),
        (b"\xff\xfe broken", "�� broken", ""),
    ],
)
def test_every_dialect_is_read(body: bytes, message: str, code: str) -> None:
    assert UpstreamError.parse(body) == UpstreamError(message, code)


def test_what_fastapi_repeats_of_the_input_is_left_out() -> None:
    wrong = {"type": "string_type", "loc": ["body", "messages", 0], "msg": "should be a string", "input": "my prompt"}
    failed = told(422, {"detail": [wrong]})
    assert failed.detail == "h:80 answered 422: body.messages.0: should be a string"


def test_the_detail_names_host_status_and_the_endpoints_own_words() -> None:
    assert told(500, openai("boom")).detail == "h:80 answered 500: boom"


def test_an_empty_body_is_called_that() -> None:
    assert told(500).detail == "h:80 answered 500 without a message"


@pytest.mark.parametrize("status", [300, 302, 399])
def test_a_redirect_says_where_to_and_is_not_followed(status: int) -> None:
    failed = told(status, b"", {"location": "https://login.example/"})
    assert failed.detail == f"h:80 answered {status}, a redirect to https://login.example/; redirects are not followed"


def test_a_huge_body_becomes_a_short_detail() -> None:
    assert len(told(500, b"x" * 65536).detail) <= 600


@pytest.mark.parametrize("before", range(180, 216, 5))
def test_a_secret_is_not_half_shown_where_a_long_text_is_cut(before: int) -> None:
    secret = "QQQQ-" + "Z9" * 40
    failed = told(500, b"x" * before + b" " + secret.encode() + b" rest", {}, secret)
    assert "QQQQ" not in failed.detail


def test_the_models_key_is_not_in_the_detail() -> None:
    failed = told(401, openai("Incorrect API key provided: hunter2hunter2"), {}, "hunter2hunter2")
    assert failed.detail == "h:80 answered 401: Incorrect API key provided: [redacted]"


def test_retry_after_is_passed_on() -> None:
    assert told(429, b"", {"retry-after": "7"}).retry_after_s == 7.0


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("body", [b"", b"model", b"context_length content_filter insufficient_quota billing"])
def test_the_caller_never_sees_an_upstream_401_or_403_as_its_own(status: int, body: bytes) -> None:
    assert told(status, body).http_status not in {401, 403, 404}


@given(st.sampled_from(STATUSES), st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_body_is_classified(status: int, body: bytes) -> None:
    failed = told(status, body)
    assert failed.upstream_status == status
    assert failed.detail.startswith(f"h:80 answered {status}")


JSON: st.SearchStrategy[Any] = st.deferred(
    lambda: (
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.text(max_size=10)
        | st.lists(JSON, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "detail", "message", "type", "code", "msg", "loc"]), JSON, max_size=3
        )
    )
)


@given(st.sampled_from(STATUSES), JSON)
def test_any_json_is_classified(status: int, body: object) -> None:
    assert told(status, body).upstream_status == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (openai("slower", "requests", "rate_limit_exceeded"), 429),
        (openai("no credit", "insufficient_quota", "insufficient_quota"), 429),
        (openai("too long", "invalid_request_error", "context_length_exceeded"), 400),
        (openai("oops", "server_error"), 500),
        (anthropic("busy", "overloaded_error"), 529),
        ({"error": {"code": "502"}}, 502),
        ({"error": "oops"}, 500),
        ([], 500),
    ],
    ids=str,
)
def test_an_error_that_came_with_a_200_means_a_status(body: object, status: int) -> None:
    assert status_in(orjson.dumps(body)) == status


@given(JSON)
def test_any_json_in_a_stream_means_a_status(body: object) -> None:
    assert 400 <= status_in(orjson.dumps(body)) < 600
