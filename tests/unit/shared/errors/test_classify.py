from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ErrorType, Failure
from shared.errors.classify import classify, status_in

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
        (407, "endpoint_refused"),
        (410, "endpoint_not_found"),
        (413, "payload_too_large"),
        (415, "endpoint_refused"),
        (422, "invalid_request"),
        (429, "rate_limited"),
        (500, "server_error"),
        (501, "endpoint_refused"),
        (502, "server_error"),
        (503, "overloaded"),
        (504, "server_error"),
        (520, "server_error"),
        (529, "overloaded"),
        (599, "server_error"),
        (202, "bad_response"),
        (204, "bad_response"),
        (301, "endpoint_not_found"),
        (308, "endpoint_not_found"),
    ],
)
def test_the_status_alone_decides_when_the_body_says_nothing(status: int, error_type: ErrorType) -> None:
    failed = told(status)
    assert failed.error_type == error_type
    assert failed.upstream_status == status


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


AS_PYTHON_SHOWS_IT = ("{'", "['", "None", "True", "False")


def _is_of_another_language(text: str) -> bool:
    return not any(shown in text for shown in AS_PYTHON_SHOWS_IT)


JSON: st.SearchStrategy[Any] = st.deferred(
    lambda: (
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.text(max_size=10).filter(_is_of_another_language)
        | st.lists(JSON, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "error",
                    "errors",
                    "detail",
                    "message",
                    "type",
                    "code",
                    "msg",
                    "loc",
                    "details",
                    "metadata",
                    "raw",
                    "choices",
                    "finish_reason",
                    "retryDelay",
                    "n_ctx",
                    "n_prompt_tokens",
                    "headers",
                    "base_resp",
                ]
            ),
            JSON,
            max_size=3,
        )
    )
)


@given(st.sampled_from([200, *STATUSES]), JSON)
def test_any_json_is_classified_and_never_shown_as_python_shows_it(status: int, body: object) -> None:
    failed = told(status, body)
    assert failed.upstream_status == status
    assert failed.retry_after_s is None or failed.retry_after_s >= 0
    assert not any(shown in failed.detail for shown in AS_PYTHON_SHOWS_IT)
    assert failed.http_status not in {401, 403, 404}


@pytest.mark.parametrize("status", [*range(402, 422), *range(423, 429), *range(430, 500)])
def test_no_status_but_those_of_a_bad_request_blames_the_caller(status: int) -> None:
    failed = told(status)
    assert failed.error_type != "invalid_request"
    assert failed.fallback


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
