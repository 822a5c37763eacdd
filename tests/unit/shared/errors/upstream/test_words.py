"""Sentences of servers that give no code of their own: what they mean, and what they must not be taken for."""

import orjson
import pytest

from shared.errors import ErrorType
from shared.errors.classify import classify


def type_of(status: int, sentence: str) -> ErrorType:
    body = orjson.dumps({"error": {"message": sentence, "type": "invalid_request_error"}})
    return classify(status, {}, body, model="custom:m", host="h:80").error_type


@pytest.mark.parametrize("status", [400, 413, 422, 500])
@pytest.mark.parametrize(
    "sentence",
    [
        "Your input exceeds the context window of this model.",
        "Input tokens exceed the configured limit of 272000 tokens.",
        "prompt token count of 140000 exceeds the limit of 128000",
        "Prompt too long: 5152 tokens exceeds max_seq_len 2048 (leave room for output tokens)",
        "Input length 131393 exceeds the maximum allowed input length of 131040 tokens.",
        "model max length exceeded, max length:8192",
        "Prompt exceeds max length",
        "Requested tokens (516) exceed context window of 512",
        "The total number of tokens exceeds the model's limit",
        "tokens in request more than max tokens allowed: 150000 > 131072",
        "The request exceeds the model's maximum input tokens",
        "length of prompt_tokens (40961) must be less than max_num_tokens (40960).",
        "max_tokens must be at least 1, got -500. (parameter=max_tokens)",
        "The message you submitted was too long",
        "Token limit exceeded",
        "输入过长",
    ],
)
def test_too_long(sentence: str, status: int) -> None:
    assert type_of(status, sentence) == "context_length_exceeded"


@pytest.mark.parametrize(
    "sentence",
    [
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "The parameter `max_tokens` is not valid: expected a value <= 32768, but got 65536",
        "max_tokens (384000) exceeds model's maximum output tokens (65536) for model x",
        "Invalid value: 'foo'. Supported values are: 'system', 'assistant', 'user'.",
        "Unsupported value: 'temperature' does not support 0 with this model.",
        "messages.1.content.0.tool_result: tool_use ids were found without tool_result blocks",
        "Invalid 'messages[0].content': string too long. Expected a string with maximum length 10485760.",
        "'response_format' of type 'json_schema' is not supported with this model",
        "An assistant message with 'tool_calls' must be followed by tool messages",
        "stop: list too long",
        "context_management: Extra inputs are not permitted",
        "Could not process image",
    ],
)
def test_the_callers_own_mistake(sentence: str) -> None:
    assert type_of(400, sentence) == "invalid_request"


@pytest.mark.parametrize(
    ("status", "sentence", "error_type"),
    [
        (400, "The requested model is not supported.", "model_not_found"),
        (400, "Model x/y-1 not supported", "model_not_found"),
        (400, "No such model @cf/x or task", "model_not_found"),
        (400, "The model `x` does not exist or you do not have access to it.", "model_not_found"),
        (403, "The model `x` does not exist or you do not have access to it.", "permission_denied"),
        (403, "This model is not available in your region.", "permission_denied"),
        (403, "You have exceeded a secondary rate limit.", "rate_limited"),
        (403, "Key limit exceeded (total limit).", "quota_exceeded"),
        (403, "maximum context length", "permission_denied"),
        (401, "maximum context length", "authentication_failed"),
        (404, "Not found; see /v1/models", "endpoint_not_found"),
        (418, "Rate limit reached", "rate_limited"),
        (429, "Number of request tokens has exceeded your daily rate limit", "quota_exceeded"),
        (429, "You've reached your usage limit for this month", "quota_exceeded"),
        (429, "Quota exceeded: requests per minute", "rate_limited"),
        (429, "Upstream is at capacity", "overloaded"),
        (429, "slow down", "rate_limited"),
        (500, "Incorrect API key provided", "authentication_failed"),
        (500, "insufficient balance", "quota_exceeded"),
        (503, "Model too busy, unable to get response in less than 60 second(s)", "overloaded"),
        (500, "the model is loading", "overloaded"),
        (500, "Model x is still being loaded", "overloaded"),
        (400, "Content was blocked by safety settings: prohibited content", "content_filtered"),
    ],
)
def test_what_else_is_said_in_words_alone(status: int, sentence: str, error_type: ErrorType) -> None:
    assert type_of(status, sentence) == error_type
