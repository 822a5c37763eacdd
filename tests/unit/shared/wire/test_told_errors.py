"""A failure dressed as a success is found, in whatever form, and told in the endpoint's own words."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors.classify import classify, status_in
from shared.wire import NotACompletionError, Usage
from shared.wire.chat_by_messages.exchange import ChatByMessages
from shared.wire.plain.chat import PlainChat
from shared.wire.reading.completions import ErrorInAnswerError

OPENAI, ANTHROPIC = PlainChat(), ChatByMessages()
SECRET = "what the model said"  # is never told in an error, which is booked in the clear
SAID: dict[str, Any] = {"role": "assistant", "content": SECRET}


def choice(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": SAID, **fields}]}


ERRORS: dict[str, tuple[Any, str, str]] = {
    "OpenRouter": ({"choices": None, "error": {"code": 429, "message": "slow down"}}, "rate_limited", "slow down"),
    "a text": ({"error": "it broke"}, "server_error", "it broke"),
    "a text and a code": ({"error": "Unauthorized", "statusCode": 401, "message": "no such key"},
                          "authentication_failed", "Unauthorized: no such key"),
    "true": ({"error": True, "message": "it broke"}, "server_error", "it broke"),
    "a list": ({"errors": [{"code": 429, "message": "slow down"}, {"message": "please"}]}, "rate_limited",
               "slow down; please"),
    "a list of texts": ({"errors": ["it broke"]}, "server_error", "it broke"),
    "Cloudflare": ({"success": False, "errors": [{"code": 10000, "message": "it broke"}], "result": None},
                   "server_error", "it broke"),
    "Gemini, in a list": ([{"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}], "overloaded",
                          "overloaded"),
    "vLLM": ({"object": "error", "message": "no such thing", "type": "NotFoundError", "param": None, "code": 401},
             "authentication_failed", "no such thing"),
    "Anthropic": ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "overloaded",
                  "Overloaded"),
    "FastAPI": ({"detail": "it broke"}, "server_error", "it broke"),
    "FastAPI, of fields": ({"detail": [{"loc": ["body", "n"], "msg": "too many"}], "code": 400}, "invalid_request",
                           "too many"),
    "a code": ({"code": 429, "message": "slow down"}, "rate_limited", "slow down"),
    "a code as text": ({"code": "503", "msg": "busy"}, "overloaded", "busy"),
    "a status": ({"status": "error", "message": "it broke"}, "server_error", "it broke"),
    "no success": ({"success": False, "message": "it broke"}, "server_error", "it broke"),
    "no success and no words": ({"success": False}, "server_error", ""),
    "MiniMax": ({"choices": None, "base_resp": {"status_code": 1002, "status_msg": "rate limit"}}, "rate_limited",
                "rate limit"),
    "MiniMax, its filter": ({"base_resp": {"status_code": 1026, "status_msg": "sensitive"}}, "content_filtered",
                            "sensitive"),
    "Gemini's filter": ({"promptFeedback": {"blockReason": "SAFETY"}}, "content_filtered", "SAFETY"),
    "words beside empty choices": ({"choices": [], "message": "it broke"}, "server_error", "it broke"),
    "a choice with nothing in it": ({"choices": [{"message": {"role": "assistant", "content": ""}}], "code": 429,
                                     "msg": "slow down"}, "rate_limited", "slow down"),
    "an error beside an answer": ({**choice(finish_reason="stop"), "error": {"code": 503, "message": "cut off"}},
                                  "overloaded", "cut off"),
    "a choice that holds one": (choice(finish_reason="error", error={"code": 429, "message": "slow down"}),
                                "rate_limited", "slow down"),
    "a choice that holds a text": (choice(error="it broke"), "server_error", "it broke"),
    "a choice that ended as one": (choice(finish_reason="error", native_finish_reason="MALFORMED_CALL"), "server_error",
                                   "MALFORMED_CALL"),
    "a second choice": ({"choices": [{"message": SAID}, {"message": SAID, "finish_reason": "error"}]}, "server_error",
                        "finish_reason `error`"),
    "DeepSeek": (choice(finish_reason="insufficient_system_resource"), "overloaded", "insufficient_system_resource"),
    "SGLang": (choice(finish_reason={"type": "abort", "message": "aborted", "status_code": 503}), "overloaded",
               "aborted"),
}  # fmt: skip

NO_ERRORS: dict[str, dict[str, Any]] = {
    "null": {"error": None},
    "nothing": {"error": "", "errors": []},
    "an object of nothing": {"error": {"code": None, "message": ""}},
    "a code for none": {"code": 200, "msg": "success", "success": True, "status": "ok"},
    "an error with a code for none": {"error": {"code": 0, "message": "success"}},
    "MiniMax": {"base_resp": {"status_code": 0, "status_msg": ""}},
    "words beside the answer": {"message": "a hint", "detail": "of the vendor", "code": 1234},
    "Azure's filters": {"prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]},
}


def error_of(body: Any) -> bytes:
    with pytest.raises(ErrorInAnswerError) as caught:
        OPENAI.completion(body if isinstance(body, bytes) else orjson.dumps(body))
    return caught.value.body


@pytest.mark.parametrize(("body", "error_type", "words"), ERRORS.values(), ids=list(ERRORS))
def test_a_failure_dressed_as_a_success_has_its_type_and_its_words(body: Any, error_type: str, words: str) -> None:
    error = error_of(body)
    failed = classify(status_in(error), {}, error, model="custom:m", host="h:80")
    assert failed.error_type == error_type
    assert words in failed.detail
    assert SECRET not in failed.detail


@pytest.mark.parametrize("beside", NO_ERRORS.values(), ids=list(NO_ERRORS))
def test_what_says_that_there_is_no_error_is_none(beside: dict[str, Any]) -> None:
    answer = orjson.dumps({**choice(finish_reason="stop"), **beside})
    assert OPENAI.completion(answer).body == answer


@pytest.mark.parametrize(
    ("page", "error_type", "words"),
    [
        (
            b"<html><head><title>502 Bad Gateway</title></head><body>...</body></html>",
            "server_error",
            "502 Bad Gateway",
        ),
        (b"<!DOCTYPE html>\n<html><body><h1>Too many requests</h1></body></html>", "rate_limited", "Too many requests"),
        (b"error code: 503", "overloaded", "error code: 503"),
        (b"upstream: Service Unavailable\n", "overloaded", "Service Unavailable"),
    ],
    ids=["a page with a number", "a page with words", "a text with a number", "a text with words"],
)
def test_a_page_of_a_proxy_that_names_a_status_is_that_failure(page: bytes, error_type: str, words: str) -> None:
    error = error_of(page)
    failed = classify(status_in(error), {}, error, model="custom:m", host="h:80")
    assert failed.error_type == error_type
    assert words in failed.detail


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (b"<html><title>Sign in to your account</title></html>", "the body is not JSON: Sign in to your account"),
        (b"<html></html>", "the body is not JSON: a page without a title"),
        (b"upstream connect error", "the body is not JSON: upstream connect error"),
        (SECRET.encode(), "the body is not JSON"),
        (b'{"choices": [{"message": {"content": "an error is', "the body is not JSON"),
        (b'"content": "an error 500 is', "the body is not JSON"),
    ],
    ids=[
        "a page",
        "an empty page",
        "a text that tells of a failure",
        "any other text",
        "an answer that was cut",
        "a part of an answer",
    ],
)
def test_any_other_page_or_text_is_no_completion_and_no_words_of_a_model_are_told(page: bytes, why: str) -> None:
    with pytest.raises(NotACompletionError) as caught:
        OPENAI.completion(page)
    assert str(caught.value) == why


def test_an_error_is_found_in_anthropics_format_too() -> None:
    with pytest.raises(ErrorInAnswerError) as caught:
        ANTHROPIC.completion(b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}')
    assert status_in(caught.value.body) == 429


def test_what_a_failed_answer_took_is_kept() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    with pytest.raises(ErrorInAnswerError) as failed:
        OPENAI.completion(orjson.dumps({**choice(finish_reason="error"), "usage": usage}))
    with pytest.raises(NotACompletionError) as unread:
        OPENAI.completion(orjson.dumps({"choices": [], "usage": usage}))
    assert failed.value.usage == unread.value.usage == Usage(3, 4)


NAMES = ["error", "errors", "message", "detail", "code", "status", "type", "object", "success", "base_resp", "choices",
         "promptFeedback", "data", "finish_reason", "delta", "text", "content"]  # fmt: skip
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "error", "429", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_whatever_comes_is_a_completion_or_one_of_two_errors(body: Any) -> None:
    with suppress(NotACompletionError):
        try:
            OPENAI.completion(orjson.dumps(body))
        except ErrorInAnswerError as error:
            told = error.body
            assert 400 <= status_in(told) < 600
