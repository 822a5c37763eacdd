"""The refusals, as each of the two providers words them."""

from dataclasses import dataclass, replace

from deploy.model_server.behaviours import UNKNOWN_MODEL


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """`{model}`, `{key}` and `{number}` in a message are filled in for each answer."""

    status: int
    type: str
    code: str | None
    message: str
    anthropic_type: str
    anthropic_message: str
    param: str | None = None
    retry_after: bool = False

    def worded(self, model: str, key: str | None, number: int) -> "ErrorAnswer":
        values = {"model": model, "key": shown_key(key), "number": number}
        return replace(
            self,
            message=self.message.format_map(values),
            anthropic_message=self.anthropic_message.format_map(values),
        )


def shown_key(key: str | None) -> str:
    """As much of the key as providers put in their messages, so that redaction can be tested."""
    return "" if not key else key[: min(6, len(key) // 2)] + "****"


def invalid_request(message: str, param: str | None = None) -> ErrorAnswer:
    kind = "invalid_request_error"
    return ErrorAnswer(400, kind, None, message, kind, message, param)


def not_found(method: str, path: str) -> ErrorAnswer:
    message = f"Unknown request URL: {method} {path}. Please check the URL for typos."
    return ErrorAnswer(404, "invalid_request_error", "unknown_url", message, "not_found_error", message)


def method_not_allowed(method: str, path: str) -> ErrorAnswer:
    message = f"Not allowed to {method} on {path}."
    kind = "invalid_request_error"
    return ErrorAnswer(405, kind, "method_not_supported", message, kind, message)


_NO_SUCH_MODEL = ErrorAnswer(
    404,
    "invalid_request_error",
    "model_not_found",
    "The model `{model}` does not exist or you do not have access to it.",
    "not_found_error",
    "model: {model}",
)

ERRORS = {
    "fault-400": ErrorAnswer(
        400,
        "invalid_request_error",
        "invalid_type",
        "Invalid type for 'temperature': expected a number, but got a string instead.",
        "invalid_request_error",
        "temperature: Input should be a valid number",
        param="temperature",
    ),
    "fault-400-context": ErrorAnswer(
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. "
        "Please reduce the length of the messages.",
        "invalid_request_error",
        "prompt is too long: 209001 tokens > 200000 maximum",
        param="messages",
    ),
    "fault-400-filter": ErrorAnswer(
        400,
        "invalid_request_error",
        "content_filter",
        "The response was filtered due to the prompt triggering the content management policy.",
        "invalid_request_error",
        "Output blocked by content filtering policy",
        param="prompt",
    ),
    "fault-401": ErrorAnswer(
        401,
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key provided: {key}. You can find your API key in your account settings.",
        "authentication_error",
        "invalid x-api-key: {key}",
    ),
    "fault-403": ErrorAnswer(
        403,
        "permission_error",
        "permission_denied",
        "Your API key does not have permission to use the model `{model}`.",
        "permission_error",
        "Your API key does not have permission to use the specified resource.",
    ),
    "fault-404-model": _NO_SUCH_MODEL,
    UNKNOWN_MODEL.name: _NO_SUCH_MODEL,
    "fault-418": ErrorAnswer(
        418,
        "invalid_request_error",
        None,
        "This server makes tea.",
        "invalid_request_error",
        "This server makes tea.",
    ),
    "fault-429": ErrorAnswer(
        429,
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached for {model} on requests per min (RPM): Limit 3, Used 3, Requested 1. "
        "Please try again in {number}s.",
        "rate_limit_error",
        "This request would exceed your organization's rate limit of 3 requests per minute.",
        retry_after=True,
    ),
    "fault-429-quota": ErrorAnswer(
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
        "rate_limit_error",
        "Your credit balance is too low to access the API. Please go to Plans & Billing to purchase credits.",
    ),
    "fault-500": ErrorAnswer(
        500,
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
        "api_error",
        "Internal server error",
    ),
    "fault-503": ErrorAnswer(
        503,
        "server_error",
        None,
        "The engine is currently overloaded, please try again later.",
        "api_error",
        "Service temporarily unavailable",
    ),
    "fault-529": ErrorAnswer(529, "overloaded_error", "overloaded", "Overloaded", "overloaded_error", "Overloaded"),
}
