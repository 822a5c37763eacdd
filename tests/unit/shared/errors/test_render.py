from typing import Any

import orjson
import pytest

from shared.errors import ErrorType, Failure, failure, render

ATTEMPT = {"model": "custom:m", "error_type": "server_error", "upstream_status": 500, "detail": "boom"}
TOLD = failure("server_error", "h:80 answered 500: boom", upstream_status=500)


def test_the_openai_error_has_all_documented_members() -> None:
    error = render.openai_error(TOLD, inference_id="id-1", attempts=[ATTEMPT], param="messages")["error"]
    assert error == {
        "message": "The endpoint failed internally: h:80 answered 500: boom",
        "type": "api_error",
        "code": "server_error",
        "param": "messages",
        "tips": TOLD.tips,
        "inference_id": "id-1",
        "attempts": [ATTEMPT],
    }


def test_the_problem_is_rfc_9457_with_our_members() -> None:
    assert render.problem(TOLD, inference_id="id-1", attempts=[ATTEMPT], param="messages") == {
        "type": "urn:tallygate:error:server_error",
        "title": "The endpoint failed internally",
        "status": 502,
        "detail": "h:80 answered 500: boom",
        "error_type": "server_error",
        "code": "server_error",
        "message": "The endpoint failed internally: h:80 answered 500: boom",
        "param": "messages",
        "tips": TOLD.tips,
        "inference_id": "id-1",
        "attempts": [ATTEMPT],
    }


def test_both_shapes_say_the_same_in_the_same_members() -> None:
    openai: dict[str, Any] = {**render.openai_error(TOLD, inference_id="id-1", attempts=[ATTEMPT], param="p")["error"]}
    problem: dict[str, Any] = {**render.problem(TOLD, inference_id="id-1", attempts=[ATTEMPT], param="p")}
    assert {name: problem[name] for name in openai if name != "type"} == {
        name: value for name, value in openai.items() if name != "type"
    }


def test_both_shapes_can_be_written_as_json() -> None:
    assert orjson.dumps(render.openai_error(TOLD, inference_id=None))
    assert orjson.dumps(render.problem(TOLD))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (failure("invalid_request", ""), "invalid_request_error"),
        (failure("context_length_exceeded", ""), "invalid_request_error"),
        (failure("no_model_available", ""), "invalid_request_error"),
        (failure("rate_limited", ""), "rate_limit_error"),
        (failure("too_many_requests", ""), "rate_limit_error"),
        (failure("quota_exceeded", ""), "insufficient_quota"),
        (failure("authentication_failed", "", http_status=401), "authentication_error"),
        (failure("permission_denied", "", http_status=403), "permission_error"),
        (failure("authentication_failed", ""), "upstream_error"),
        (failure("overloaded", ""), "api_error"),
        (failure("internal", ""), "api_error"),
    ],
)
def test_the_type_is_one_that_sdk_users_know(error: Failure, kind: str) -> None:
    assert render.openai_error(error, inference_id=None)["error"]["type"] == kind


def test_a_failure_without_detail_is_its_title() -> None:
    assert render.message(failure("cancelled", "")) == "The request was cancelled"


@pytest.mark.parametrize(
    ("error_type", "wait_s", "headers"),
    [
        ("rate_limited", None, {"x-should-retry": "true"}),
        ("rate_limited", 7.4, {"x-should-retry": "true", "retry-after": "8", "retry-after-ms": "7400"}),
        ("unavailable", 0.0, {"x-should-retry": "true", "retry-after": "1", "retry-after-ms": "1"}),
        ("too_many_requests", float("inf"), {"x-should-retry": "true"}),
        ("invalid_request", None, {"x-should-retry": "false"}),
        ("read_timeout", None, {"x-should-retry": "false"}),
    ],
)
def test_the_headers_say_whether_and_when_to_retry(
    error_type: ErrorType, wait_s: float | None, headers: dict[str, str]
) -> None:
    assert render.headers(failure(error_type, "why", retry_after_s=wait_s)) == headers


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (failure("invalid_request", ""), "invalid_request_error"),
        (failure("payload_too_large", ""), "request_too_large"),
        (failure("authentication_failed", "", http_status=401), "authentication_error"),
        (failure("authentication_failed", ""), "invalid_request_error"),
        (failure("too_many_requests", ""), "rate_limit_error"),
        (failure("overloaded", ""), "overloaded_error"),
        (failure("internal", ""), "api_error"),
    ],
)
def test_anthropic_clients_are_told_a_type_that_they_know(error: Failure, kind: str) -> None:
    body = render.anthropic_error(error, "r1")
    assert (body["type"], body["error"]["type"], body["request_id"]) == ("error", kind, "r1")
