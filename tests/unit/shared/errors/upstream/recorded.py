# ruff: noqa: E501, RUF001 - sentences as servers write them
"""How servers and vendors word their errors, and what each is: the shapes are theirs, ids and figures are made up."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.errors import ErrorType

PAGE = "<html><head><title>{0}</title><style>h1 {{color: red}}</style></head><body><h1>{0}</h1><script>alert(1)</script></body></html>"


class Recorded(NamedTuple):
    """An answer and what it is. said: what is told of it. again, elsewhere: None as the catalogue says of the type.
    tip: what a tip of its own begins with."""

    name: str
    status: int
    body: Any
    error_type: ErrorType
    said: str
    wait_s: float | None = None
    headers: Mapping[str, str] = {}
    again: bool | None = None
    elsewhere: bool | None = None
    tip: str | None = None


def openai(message: str, kind: str | None = "invalid_request_error", code: Any = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


def anthropic(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011"}


def google(code: int, status: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    told = {"details": [{"@type": "type.googleapis.com/google.rpc.Help", "links": []}, *details]} if details else {}
    return {"error": {"code": code, "message": message, "status": status, **told}}


def quota(name: str) -> dict[str, Any]:
    metric = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
    violation = {"quotaMetric": metric, "quotaId": name, "quotaDimensions": {"model": "gemini-x"}, "quotaValue": "50"}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


def retry_info(delay: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


_GOOGLE_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_GROQ = "in organization `org_1` service tier `on_demand` on tokens per"
_UPGRADE = "Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing"
_NEVER_FITS = "The request alone is larger"

SERVERS: dict[str, tuple[Recorded, ...]] = {
    "OpenAI": (
        Recorded("key", 401, openai("Incorrect API key provided: sk-ab***yz.", code="invalid_api_key"),
                 "authentication_failed", "Incorrect API key provided: [redacted]"),
        Recorded("region", 403, openai("Country, region, or territory not supported", "request_forbidden",
                                       "unsupported_country_region_territory"),
                 "permission_denied", "Country, region, or territory not supported"),
        Recorded("scope", 401, openai("You have insufficient permissions for this operation. Missing scopes: "
                                      "model.request.", None), "permission_denied", "You have insufficient"),
        Recorded("model", 404, openai("The model `gpt-9` does not exist or you do not have access to it.",
                                      code="model_not_found"), "model_not_found", "The model `gpt-9`"),
        Recorded("model_id", 400, openai("invalid model ID"), "model_not_found", "invalid model ID"),
        Recorded("path", 404, openai("Invalid URL (POST /v1/chat/completion)"), "endpoint_not_found", "Invalid URL"),
        Recorded("context", 400, openai("This model's maximum context length is 8192 tokens. However, your messages "
                                        "resulted in 9000 tokens.", code="context_length_exceeded"),
                 "context_length_exceeded", "This model's maximum"),
        Recorded("window", 400, openai("Your input exceeds the context window of this model."),
                 "context_length_exceeded", "Your input exceeds"),
        Recorded("field", 400, openai("Unknown parameter: 'foo'.", code="unknown_parameter", param="foo"),
                 "invalid_request", "Unknown parameter"),
        Recorded("max_tokens", 400, openai("max_tokens is too large: 100000. This model supports at most 16384 "
                                           "completion tokens.", code="invalid_value"), "invalid_request", "max_tok"),
        Recorded("flagged", 400, openai("Invalid prompt: your prompt was flagged as potentially violating our usage "
                                        "policy.", code="invalid_prompt"), "content_filtered", "Invalid prompt"),
        Recorded("rate", 429, openai("Rate limit reached for gpt-5 in organization org-1 on tokens per min (TPM): Limit "
                                     "30000, Used 29000, Requested 1700. Please try again in 1m2.5s.", "tokens",
                                     "rate_limit_exceeded"), "rate_limited", "Rate limit reached", 62.5),
        Recorded("rate_ms", 429, openai("Rate limit reached. Please try again in 20ms.", "requests",
                                        "rate_limit_exceeded"), "rate_limited", "Rate limit", 0.02),
        Recorded("rate_header", 429, openai("Rate limit reached", "requests", "rate_limit_exceeded"), "rate_limited",
                 "Rate limit", 360.0,
                 {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s",
                  "x-ratelimit-remaining-tokens": "9000", "x-ratelimit-reset-tokens": "2ms"}),
        Recorded("retry_after_ms", 429, openai("slow down", "requests", "rate_limit_exceeded"), "rate_limited", "slow",
                 1.5, {"retry-after-ms": "1500", "retry-after": "2"}),
        Recorded("never_fits", 429, openai("Request too large for gpt-4o on tokens per min (TPM): Limit 30000, "
                                           "Requested 342389. The input or output tokens must be reduced.", "tokens",
                                           "rate_limit_exceeded"),
                 "rate_limited", "Request too large", again=False, tip=_NEVER_FITS),
        Recorded("quota", 429, openai(_GOOGLE_QUOTA, "insufficient_quota", "insufficient_quota"), "quota_exceeded",
                 "You exceeded"),
        Recorded("billing", 400, openai("Billing hard limit has been reached", code="billing_hard_limit_reached"),
                 "quota_exceeded", "Billing hard limit"),
        Recorded("internal", 500, openai("The server had an error while processing your request.", "server_error"),
                 "server_error", "The server had"),
        Recorded("not_again", 500, openai("It failed for good.", "server_error"), "server_error", "It failed",
                 None, {"x-should-retry": "false"}, again=False),
        Recorded("overloaded", 503, openai("That model is currently overloaded with other requests.", "server_error"),
                 "overloaded", "That model"),
        Recorded("slow_down", 503, openai("Slow down", "service_unavailable_error"), "overloaded", "Slow down"),
        Recorded("conflict", 409, openai("Conflict with another request.", None), "endpoint_refused", "Conflict",
                 again=True),
    ),
    "Azure OpenAI": (
        Recorded("key", 401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key or "
                                        "wrong API endpoint."}}, "authentication_failed", "Access denied"),
        Recorded("key_plain", 401, {"statusCode": 401, "message": "Unauthorized. Access token is missing, invalid, "
                                    "audience is incorrect or have expired."}, "authentication_failed", "Unauthorized"),
        Recorded("deployment", 404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this "
                                               "resource does not exist."}}, "model_not_found", "The API deployment"),
        Recorded("path", 404, {"error": {"code": "404", "message": "Resource not found"}}, "endpoint_not_found",
                 "Resource not found"),
        Recorded("version", 400, {"error": {"code": "BadRequest", "message": "API version not supported"}},
                 "invalid_request", "API version"),
        Recorded("filter", 400, {"error": {
            "message": "The response was filtered due to the prompt triggering the content management policy.",
            "type": None, "param": "prompt", "code": "content_filter", "status": 400,
            "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}},
        }}, "content_filtered", "The response was filtered"),
        Recorded("filter_inner", 400, {"error": {"message": "The prompt was refused.", "code": "400", "innererror":
                                                 {"code": "ResponsibleAIPolicyViolation"}}},
                 "content_filtered", "The prompt was refused."),
        Recorded("rate", 429, {"error": {"code": "429", "message": "Requests to the ChatCompletions_Create Operation "
            "under Azure OpenAI API have exceeded token rate limit of your current pricing tier. Please retry after 26 "
            "seconds. Please go here: https://aka.ms/oai/quotaincrease"}}, "rate_limited", "Requests to the", 26.0),
        Recorded("capacity", 429, {"error": {"code": "NoCapacity", "message": "The system is experiencing high "
                                             "demand."}}, "overloaded", "The system"),
        Recorded("gateway", 504, PAGE.format("504 Gateway Time-out"), "server_error", "504 Gateway Time-out"),
    ),
    "Anthropic": (
        Recorded("key", 401, anthropic("authentication_error", "invalid x-api-key"), "authentication_failed", "invalid"),
        Recorded("permission", 403, anthropic("permission_error", "Your API key does not have permission to use the "
                                              "specified resource."), "permission_denied", "Your API key"),
        Recorded("model", 404, anthropic("not_found_error", "model: claude-9"), "model_not_found", "model: claude-9"),
        Recorded("path", 404, anthropic("not_found_error", "Not Found"), "endpoint_not_found", "Not Found"),
        Recorded("credit", 400, anthropic("invalid_request_error", "Your credit balance is too low to access the "
                                          "API."), "quota_exceeded", "Your credit balance"),
        Recorded("usage", 400, anthropic("invalid_request_error", "You have reached your specified API usage limits. "
                                         "You will regain access on 2026-12-01."), "quota_exceeded", "You have"),
        Recorded("billing", 402, anthropic("billing_error", "Your payment failed."), "quota_exceeded", "Your payment"),
        Recorded("long", 400, anthropic("invalid_request_error", "prompt is too long: 202128 tokens > 200000 maximum"),
                 "context_length_exceeded", "prompt is too long"),
        Recorded("long_answer", 400, anthropic("invalid_request_error", "input length and `max_tokens` exceed context "
                                               "limit: 90402 + 116650 > 204648"), "context_length_exceeded", "input"),
        Recorded("bytes", 413, anthropic("request_too_large", "Request exceeds the maximum size"), "payload_too_large",
                 "Request exceeds", elsewhere=True, tip="Send less: this is the limit of the server at h:80"),
        Recorded("field", 400, anthropic("invalid_request_error", "messages: at least one message is required"),
                 "invalid_request", "messages"),
        Recorded("filter", 400, anthropic("invalid_request_error", "Output blocked by content filtering policy"),
                 "content_filtered", "Output blocked"),
        Recorded("rate", 429, anthropic("rate_limit_error", "This request would exceed your organization's rate limit "
                                        "of 80,000 input tokens per minute. For details, refer to: "
                                        "https://docs.anthropic.com/en/api/rate-limits"), "rate_limited",
                 "This request", 12.0, {"retry-after": "12"}),
        Recorded("credit_429", 429, anthropic("rate_limit_error", "Your credit balance is too low to access the API."),
                 "quota_exceeded", "Your credit balance"),
        Recorded("rate_day", 429, anthropic("rate_limit_error", "This request would exceed your daily rate limit."),
                 "quota_exceeded", "This request"),
        Recorded("overloaded", 529, anthropic("overloaded_error", "Overloaded"), "overloaded", "Overloaded"),
        Recorded("overloaded_500", 500, anthropic("overloaded_error", "Overloaded"), "overloaded", "Overloaded"),
        Recorded("timeout", 504, anthropic("timeout_error", "Request timed out"), "server_error", "Request timed"),
    ),
    "Gemini": (
        Recorded("key", 400, google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
                                    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}),
                 "authentication_failed", "API key not valid"),
        Recorded("no_key", 403, google(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers."),
                 "authentication_failed", "Method"),
        Recorded("region", 400, google(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
                 "permission_denied", "User location"),
        Recorded("model", 404, google(404, "NOT_FOUND", "models/gemini-9 is not found for API version v1main, or is not "
                                      "supported for generateContent."), "model_not_found", "models/gemini-9"),
        Recorded("long", 400, google(400, "INVALID_ARGUMENT", "The input token count (1200293) exceeds the maximum "
                                     "number of tokens allowed (1048576)."), "context_length_exceeded", "The input"),
        Recorded("minute", 429, google(429, "RESOURCE_EXHAUSTED", _GOOGLE_QUOTA, quota(
            "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"), retry_info("17s")), "rate_limited", _GOOGLE_QUOTA,
            17.0),
        Recorded("day", 429, google(429, "RESOURCE_EXHAUSTED", _GOOGLE_QUOTA, quota(
            "GenerateRequestsPerDayPerProjectPerModel-FreeTier"), retry_info("30.5s")), "quota_exceeded",
            _GOOGLE_QUOTA, 30.5),
        Recorded("none", 429, google(429, "RESOURCE_EXHAUSTED", "* Quota exceeded for metric: free_tier_requests, "
                                     "limit: 0, model: gemini-x\nPlease retry in 20.04466179s."), "quota_exceeded",
                 "* Quota exceeded", 20.04466179),
        Recorded("exhausted", 429, google(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
                 "rate_limited", "Resource has"),
        Recorded("overloaded", 503, google(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
                 "overloaded", "The model is overloaded"),
        Recorded("internal", 500, google(500, "INTERNAL", "An internal error has occurred."), "server_error", "An int"),
        Recorded("late", 504, google(504, "DEADLINE_EXCEEDED", "Deadline expired."), "server_error", "Deadline"),
        Recorded("blocked", 200, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {}},
                 "content_filtered", "without a message (PROHIBITED_CONTENT)"),
    ),
    "Gemini, OpenAI-compatible": (
        Recorded("key", 400, [google(400, "INVALID_ARGUMENT", "Please pass a valid API key.", {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"})],
            "authentication_failed", "Please pass"),
        Recorded("minute", 429, [google(429, "RESOURCE_EXHAUSTED", _GOOGLE_QUOTA, quota(
            "GenerateContentInputTokensPerModelPerMinute"), retry_info("41s"))], "rate_limited", _GOOGLE_QUOTA, 41.0),
        Recorded("long", 400, [google(400, "INVALID_ARGUMENT", "The input token count exceeds the maximum number of "
                                      "tokens allowed (1048576).")], "context_length_exceeded", "The input token"),
        Recorded("wrapped", 500, openai('{\n "error": {"code": 429, "message": "Resource has been exhausted.", "status": '
                                        '"RESOURCE_EXHAUSTED"}\n}\n', None, 429, status="Too Many Requests"),
                 "rate_limited", "Resource has been exhausted."),
    ),
    "Groq": (
        Recorded("key", 401, openai("Invalid API Key", code="invalid_api_key"), "authentication_failed", "Invalid"),
        Recorded("model", 404, openai("The model `x` does not exist or you do not have access to it.",
                                      code="model_not_found"), "model_not_found", "The model"),
        Recorded("retired", 400, openai("The model `x` has been decommissioned and is no longer supported.",
                                        code="model_decommissioned"), "model_not_found", "The model"),
        Recorded("path", 404, openai("Unknown request URL: POST /openai/v1/chat. Please check the URL for typos.",
                                     code="unknown_url"), "endpoint_not_found", "Unknown request URL"),
        Recorded("too_large", 413, openai(f"Request too large for model `x` {_GROQ} minute (TPM): Limit 12000, Requested "
                                          f"14137, please reduce your message size and try again. {_UPGRADE}", "tokens",
                                          "rate_limit_exceeded"),
                 "rate_limited", "Request too large", again=False, tip=_NEVER_FITS),
        Recorded("minute_413", 413, f"413 Request too large for model `x` {_GROQ} minute (TPM): Limit 12000, Requested "
                 f"11000. {_UPGRADE}", "rate_limited", "413 Request too large"),
        Recorded("minute", 429, openai(f"Rate limit reached for model `x` {_GROQ} minute (TPM): Limit 6000, Used 5034, "
                                       f"Requested 1443. Please try again in 4.77s. {_UPGRADE}", "tokens",
                                       "rate_limit_exceeded"), "rate_limited", "Rate limit", 5.0, {"retry-after": "5"}),
        Recorded("day", 429, openai(f"Rate limit reached for model `x` {_GROQ} day (TPD): Limit 100000, Used 99500, "
                                    f"Requested 3000. Please try again in 36m2.3s. {_UPGRADE}", "tokens",
                                    "rate_limit_exceeded"), "quota_exceeded", "Rate limit", 2162.3),
        Recorded("max_tokens", 400, openai("`max_tokens` must be less than or equal to `16384`, the maximum value for "
                                           "`max_tokens` is less than the `context_window` for this model"),
                 "invalid_request", "`max_tokens` must"),
        Recorded("capacity", 503, openai("x is currently over capacity. Please try again.", "internal_server_error"),
                 "overloaded", "x is currently"),
        Recorded("capacity_498", 498, openai("Flex tier capacity exceeded.", "capacity_exceeded"), "overloaded", "Flex"),
    ),
    "Mistral": (
        Recorded("key", 401, {"message": "Unauthorized", "request_id": "1"}, "authentication_failed", "Unauthorized"),
        Recorded("model", 400, {"object": "error", "message": "Invalid model: mistral-9", "type": "invalid_model",
                                "param": None, "code": "1500"}, "model_not_found", "Invalid model"),
        Recorded("rate", 429, {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited",
                               "param": None, "code": "1300", "raw_status_code": 429}, "rate_limited", "Rate limit"),
        Recorded("rate_short", 429, {"message": "Requests rate limit exceeded"}, "rate_limited", "Requests rate"),
        Recorded("capacity", 429, {"object": "error", "message": "Service tier capacity exceeded for this model.",
                                   "type": "service_tier_capacity_exceeded", "param": None, "code": "3505"},
                 "overloaded", "Service tier"),
        Recorded("long", 400, {"object": "error", "message": "Prompt contains 40000 tokens and 0 draft tokens, too large "
                               "for model with 32768 maximum context length", "type": "invalid_request_prompt",
                               "param": None, "code": "3051"}, "context_length_exceeded", "Prompt contains"),
        Recorded("detail", 422, {"object": "error", "message": {"detail": [
            {"type": "extra_forbidden", "loc": ["body", "foo"], "msg": "Extra inputs are not permitted", "input": "MINE"},
        ]}, "type": "invalid_request_error", "param": None, "code": None}, "invalid_request",
            "body.foo: Extra inputs are not permitted"),
        Recorded("down", 503, "upstream connect error or disconnect/reset before headers", "overloaded", "upstream"),
    ),
    "DeepSeek": (
        Recorded("key", 401, openai("Authentication Fails, Your api key: ****1234 is invalid", "authentication_error",
                                    "invalid_request_error"), "authentication_failed", "Authentication Fails"),
        Recorded("credit", 402, openai("Insufficient Balance", "unknown_error", "invalid_request_error"),
                 "quota_exceeded", "Insufficient Balance"),
        Recorded("model", 400, openai("Model Not Exist", code="invalid_request_error"), "model_not_found", "Model Not"),
        Recorded("risk", 400, openai("Content Exists Risk", code="invalid_request_error"), "content_filtered", "Conten"),
        Recorded("long", 400, openai("This model's maximum context length is 131072 tokens. However, you requested "
                                     "131134 tokens (122942 in the messages, 8192 in the completion).",
                                     code="invalid_request_error"), "context_length_exceeded", "This model's"),
        Recorded("busy", 503, openai("Service is too busy. We advise users to try again later.", None), "overloaded",
                 "Service is too busy"),
    ),
    "xAI": (
        Recorded("key", 400, {"code": "Client specified an invalid argument",
                              "error": "Incorrect API key provided: xa***ab. Obtain one from https://console.x.ai."},
                 "authentication_failed", "Incorrect API key"),
        Recorded("credits", 403, {"code": "The caller does not have permission to execute the specified operation",
                                  "error": "Your newly created team doesn't have any credits yet."}, "quota_exceeded",
                 "Your newly created team"),
        Recorded("used_up", 429, {"code": "Some resource has been exhausted", "error": "Your team has either used all "
                                  "available credits or reached its monthly spending limit."}, "quota_exceeded", "Your"),
        Recorded("model", 404, {"code": "Some requested entity was not found", "error": "The model grok-9 does not exist "
                                "or your team does not have access to it."}, "model_not_found", "The model grok-9"),
        Recorded("long", 400, {"code": "Client specified an invalid argument", "error": "This model's maximum prompt "
                               "length is 131072 but the request contains 136973 tokens."}, "context_length_exceeded",
                 "This model's maximum prompt"),
        Recorded("unsafe", 403, {"code": "The caller does not have permission to execute the specified operation",
                                 "error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_X"},
                 "content_filtered", "Content violates"),
        Recorded("field", 400, {"code": "Client specified an invalid argument", "error": "Argument not supported on "
                                "this model: presencePenalty"}, "invalid_request", "Argument not supported"),
    ),
    "Together": (
        Recorded("key", 401, openai("Invalid API key provided.", code="invalid_api_key"), "authentication_failed", "In"),
        Recorded("model", 404, openai("Unable to access model x. Please visit https://api.together.ai/models",
                                      code="model_not_available"), "model_not_found", "Unable to access"),
        Recorded("long", 422, openai("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: "
                                     "5000 `inputs` tokens and 512 `max_new_tokens`"), "context_length_exceeded", "Inp"),
        Recorded("rate", 429, openai("You have reached the rate limit specific to this model.", "model_rate_limit"),
                 "rate_limited", "You have reached", 3.0, {"x-ratelimit-reset": "3"}),
        Recorded("credit", 402, openai("Credit limit exceeded, please navigate to the settings.", "credit_limit"),
                 "quota_exceeded", "Credit limit"),
        Recorded("overloaded", 503, openai("The server is overloaded or not ready yet.", "service_unavailable"),
                 "overloaded", "The server is"),
    ),
    "OpenRouter": (
        Recorded("key", 401, {"error": {"message": "No auth credentials found", "code": 401}}, "authentication_failed",
                 "No auth"),
        Recorded("credit", 402, {"error": {"message": "This request requires more credits, or fewer max_tokens.",
                                           "code": 402, "metadata": {"provider_name": None}}, "user_id": "user_1"},
                 "quota_exceeded", "This request requires"),
        Recorded("behind", 429, {"error": {"message": "Provider returned error", "code": 429, "metadata": {
            "raw": "x:free is temporarily rate-limited upstream. Please retry shortly.", "provider_name": "Chutes"}}},
            "rate_limited", "Provider returned error: x:free is temporarily"),
        Recorded("behind_json", 400, {"error": {"message": "Provider returned error", "code": 400, "metadata": {
            "raw": '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}',
            "provider_name": "Anthropic"}}}, "context_length_exceeded", "Provider returned error: prompt is too long"),
        Recorded("day", 429, {"error": {"message": "Rate limit exceeded: free-models-per-day.", "code": 429, "metadata":
                                        {"headers": {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0"}}}},
                 "quota_exceeded", "Rate limit exceeded"),
        Recorded("model", 400, {"error": {"message": "x/y is not a valid model ID", "code": 400}}, "model_not_found",
                 "x/y is not"),
        Recorded("no_endpoint", 404, {"error": {"message": "No endpoints found for x/y.", "code": 404}},
                 "model_not_found", "No endpoints"),
        Recorded("cannot", 404, {"error": {"message": "No endpoints found that support tool use.", "code": 404}},
                 "invalid_request", "No endpoints found that", elsewhere=True),
        Recorded("moderated", 403, {"error": {"message": "x requires moderation. Your input was flagged", "code": 403,
                                              "metadata": {"reasons": ["hate"], "flagged_input": "MINE"}}},
                 "content_filtered", "x requires moderation"),
        Recorded("in_a_200", 200, {"choices": None, "error": {"code": 429, "message": "Provider is busy"}},
                 "rate_limited", "Provider is busy"),
        Recorded("twice", 402, {"error": {"error": {"message": "More credits are required.", "code": 402}, "code": 402}},
                 "quota_exceeded", "More credits"),
        Recorded("down", 502, {"error": {"message": "Provider returned error", "code": 502}}, "server_error", "Provide"),
        Recorded("timeout", 524, PAGE.format("openrouter.ai | 524: A timeout occurred"), "server_error",
                 "openrouter.ai | 524: A timeout occurred"),
    ),
    "Ollama": (
        Recorded("model", 404, openai('model "x" not found, try pulling it first', "api_error"), "model_not_found",
                 'model "x" not found'),
        Recorded("native", 404, {"error": "model 'x' not found"}, "model_not_found", "model 'x' not found"),
        Recorded("memory", 500, openai("model requires more system memory (7.5 GiB) than is available (5.2 GiB)",
                                       "api_error"), "server_error", "model requires more"),
        Recorded("tools", 400, openai("registry.ollama.ai/library/x:latest does not support tools"), "invalid_request",
                 "registry.ollama.ai", elsewhere=True),
        Recorded("busy", 503, {"error": "server busy, please try again.  maximum pending requests exceeded"},
                 "overloaded", "server busy"),
        Recorded("long", 400, openai("the input length exceeds the context length"), "context_length_exceeded", "the inp"),
        Recorded("long_500", 500, openai("input length exceeds maximum context length", "api_error"),
                 "context_length_exceeded", "input length"),
        Recorded("loading", 500, {"error": "llama runner process is still loading model"}, "overloaded", "llama runner"),
    ),
    "vLLM": (
        Recorded("model", 404, openai("The model `x` does not exist.", "NotFoundError", 404), "model_not_found", "The m"),
        Recorded("model_old", 404, {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundErr"
                                    "or", "param": None, "code": 404}, "model_not_found", "The model"),
        Recorded("path", 404, {"detail": "Not Found"}, "endpoint_not_found", "Not Found"),
        Recorded("key", 401, {"error": "Unauthorized"}, "authentication_failed", "Unauthorized"),
        Recorded("long", 400, openai("This model's maximum context length is 262144 tokens. However, you requested 0 "
                                     "output tokens and your prompt contains at least 262145 input tokens.",
                                     "BadRequestError", 400), "context_length_exceeded", "This model's maximum"),
        Recorded("long_old", 400, {"object": "error", "message": "The decoder prompt (length 9) is longer than the "
                                   "maximum model length of 8.", "type": "BadRequestError", "code": 400},
                 "context_length_exceeded", "The decoder prompt"),
        Recorded("fits_not", 400, openai("The prompt (total length 25938) is too long to fit into the model (context "
                                         "length 4096).", "BadRequestError", 400), "context_length_exceeded", "The pro"),
        Recorded("field", 400, openai("[{'type': 'missing', 'loc': ('body', 'messages'), 'msg': 'Field required', "
                                      "'input': {'secret': 'MINE'}}]", "BadRequestError", 400), "invalid_request",
                 "Field required"),
        Recorded("vision", 400, openai("x is not a multimodal model", "BadRequestError", 400), "invalid_request",
                 "x is not", elsewhere=True),
        Recorded("dead", 500, openai("EngineCore encountered an issue.", "InternalServerError", 500), "server_error",
                 "EngineCore"),
        Recorded("in_a_200", 200, {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError",
                                   "code": 404}, "model_not_found", "The model"),
    ),
    "SGLang": (
        Recorded("long", 400, {"object": "error", "message": "The input (61709 tokens) is longer than the model's context "
                               "length (40960 tokens).", "type": "BadRequestError", "param": None, "code": 400},
                 "context_length_exceeded", "The input (61709"),
        Recorded("allowed", 400, {"object": "error", "message": "Input length (160062 tokens) exceeds the maximum allowed "
                                  "length (59862 tokens). Use a shorter input.", "type": "BadRequestError", "code": 400},
                 "context_length_exceeded", "Input length"),
        Recorded("total", 400, {"object": "error", "message": "Requested token count exceeds the model's maximum context "
                                "length of 202752 tokens.", "type": "BadRequestError", "code": 400},
                 "context_length_exceeded", "Requested token count"),
        Recorded("queue", 503, {"object": "error", "message": "The request queue is full.", "type":
                                "SERVICE_UNAVAILABLE", "code": 503}, "overloaded", "The request queue"),
        Recorded("aborted", 500, {"object": "error", "message": "Internal Server Error", "type": "InternalServerError",
                                  "code": 500}, "server_error", "Internal"),
    ),
    "llama.cpp": (
        Recorded("long", 400, {"error": {"code": 400, "message": "the request exceeds the available context size. try "
                                         "increasing the context size or enable context shift",
                                         "type": "exceed_context_size_error", "n_prompt_tokens": 1407, "n_ctx": 256}},
                 "context_length_exceeded", "the request exceeds"),
        Recorded("long_500", 500, {"error": {"code": 500, "message": "the request exceeds the available context size",
                                             "type": "server_error"}}, "context_length_exceeded", "the request"),
        Recorded("numbers", 500, {"error": {"code": 400, "message": "request (1407) too big", "type": "server_error",
                                            "n_prompt_tokens": 1407, "n_ctx": 256}}, "context_length_exceeded", "request"),
        Recorded("loading", 503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
                 "overloaded", "Loading model"),
        Recorded("slots", 503, {"error": {"code": 503, "message": "no slot available", "type": "unavailable_error"}},
                 "overloaded", "no slot"),
        Recorded("key", 401, {"error": {"message": "Invalid API Key", "type": "authentication_error", "code": 401}},
                 "authentication_failed", "Invalid API Key"),
        Recorded("vision", 500, {"error": {"code": 500, "message": "image input is not supported - hint: provide the "
                                           "mmproj", "type": "server_error"}}, "invalid_request", "image input",
                 elsewhere=True),
        Recorded("field", 500, {"error": {"code": 400, "message": "Expected 'messages' to be an array",
                                          "type": "invalid_request_error"}}, "invalid_request", "Expected"),
        Recorded("switched_off", 501, {"error": {"code": 501, "message": "This server does not support embeddings.",
                                                 "type": "not_supported_error"}}, "endpoint_refused", "This server"),
    ),
    "LM Studio": (
        Recorded("long", 400, {"error": "Trying to keep the first 14538 tokens when context the overflows. However, the "
                               "model is loaded with context length of only 2048 tokens."}, "context_length_exceeded",
                 "Trying to keep"),
        Recorded("keep", 400, {"error": "The number of tokens to keep from the initial prompt is greater than the context "
                               "length (n_keep: 13055>= n_ctx: 4096)."}, "context_length_exceeded", "The number"),
        Recorded("size", 400, {"error": "Context size has been exceeded."}, "context_length_exceeded", "Context size"),
        Recorded("none", 404, openai("No models loaded. Please load a model in the developer page.",
                                     code="model_not_found"), "model_not_found", "No models loaded"),
        Recorded("path", 200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}, "endpoint_not_found",
                 "Unexpected endpoint"),
        Recorded("crash", 400, {"error": "The model has crashed without additional information. (Exit code: 6)"},
                 "server_error", "The model has crashed"),
    ),
    "TGI": (
        Recorded("long", 422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. "
                               "Given: 5000 `inputs` tokens and 100 `max_new_tokens`", "error_type": "validation"},
                 "context_length_exceeded", "Input validation error"),
        Recorded("input", 422, {"error": "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000",
                                "error_type": "validation"}, "context_length_exceeded", "Input validation"),
        Recorded("overloaded", 429, {"error": "Model is overloaded", "error_type": "overloaded"}, "overloaded", "Model"),
        Recorded("generation", 424, {"error": "Request failed during generation: Server error: CUDA out of memory",
                                     "error_type": "generation"}, "server_error", "Request failed"),
        Recorded("loading", 503, {"error": "Model org/x is currently loading", "estimated_time": 20.0}, "overloaded",
                 "Model org/x", 20.0),
        Recorded("field", 422, {"error": "Input validation error: `temperature` must be strictly positive", "error_type":
                                "validation"}, "invalid_request", "Input validation"),
    ),
    "Fireworks": (
        Recorded("key", 403, openai("The API key you provided is invalid.", object="error"), "authentication_failed",
                 "The API key"),
        Recorded("model", 404, openai("Model not found, inaccessible, and/or not deployed", "error", "NOT_FOUND"),
                 "model_not_found", "Model not found"),
        Recorded("long", 400, openai("The prompt is too long: 140000, model maximum context length: 131071"),
                 "context_length_exceeded", "The prompt is"),
        Recorded("suspended", 412, openai("Account x is suspended, possibly due to reaching the monthly spending limit or "
                                          "failure to pay past invoices.", "error", "PRECONDITION_FAILED"),
                 "quota_exceeded", "Account x"),
        Recorded("rate", 429, openai("rate limit exceeded, please try again later", "error"), "rate_limited", "rate"),
    ),
    "Cohere": (
        Recorded("key", 401, {"id": "1", "message": "invalid api token"}, "authentication_failed", "invalid api token"),
        Recorded("long", 400, {"message": "too many tokens: size limit exceeded by 100 tokens. The limit for this model "
                               "is 4096 tokens."}, "context_length_exceeded", "too many tokens"),
        Recorded("model", 404, {"message": "model 'x' not found, make sure the correct model ID was used"},
                 "model_not_found", "model 'x'"),
        Recorded("month", 429, {"message": "You are using a Trial key, which is limited to 1000 API calls / month."},
                 "quota_exceeded", "You are using"),
        Recorded("minute", 429, {"message": "You are using a Trial key, which is limited to 20 API calls / minute."},
                 "rate_limited", "You are using"),
        Recorded("left", 499, {"message": "client closed request"}, "endpoint_refused", "client closed", again=True),
    ),
    "Bedrock, a gateway before it": (
        Recorded("long", 400, {"message": "Input is too long for requested model."}, "context_length_exceeded", "Input"),
        Recorded("throttled", 429, {"__type": "com.amazon.coral.service#ThrottlingException", "message": "Too many "
                                    "tokens, please wait before trying again."}, "rate_limited", "Too many tokens"),
        Recorded("throttled_500", 500, {"detail": "An error occurred (ThrottlingException) when calling the Converse "
                                        "operation: Too many tokens, please wait before trying again."}, "rate_limited",
                 "An error occurred (Thr"),
        Recorded("model", 400, {"message": "The provided model identifier is invalid."}, "model_not_found", "The provi"),
        Recorded("access", 403, {"__type": "AccessDeniedException", "message": "You don't have access to the model with "
                                 "the specified model ID."}, "permission_denied", "You don't have"),
        Recorded("token", 403, {"message": "The security token included in the request is invalid."},
                 "authentication_failed", "The security token"),
        Recorded("not_ready", 429, {"__type": "ModelNotReadyException", "message": "Model is not ready for inference."},
                 "overloaded", "Model is not ready"),
        Recorded("max_tokens", 400, {"message": "The maximum tokens you requested exceeds the model limit of 4096."},
                 "invalid_request", "The maximum tokens"),
        Recorded("xml", 403, "<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Denied</Message></Error>",
                 "endpoint_refused", "AccessDenied Denied"),
    ),
    "LiteLLM proxy": (
        Recorded("nested", 400, openai(
            'litellm.ContextWindowExceededError: AnthropicError - {"type":"error","error":{"type":"invalid_request_error",'
            '"message":"prompt is too long: 209303 tokens > 200000 maximum"}}\nReceived Model Group=x', None, "400"),
            "context_length_exceeded", "prompt is too long: 209303 tokens > 200000 maximum"),
        Recorded("repr", 400, openai(
            "litellm.BadRequestError: OpenAIException - Error code: 400 - {'error': {'message': 'Unsupported value', "
            "'type': 'invalid_request_error', 'param': None, 'code': '400'}}", None, "400"), "invalid_request",
            "litellm.BadRequestError: OpenAIException - Error code: 400: Unsupported value"),
        Recorded("bytes", 500, openai("litellm.RateLimitError: VertexAIException - b'{\\n  \"error\": {\\n \"code\": 429, "
                                      "\"message\": \"Resource exhausted.\", \"status\": \"RESOURCE_EXHAUSTED\"}}'", None,
                                      "500"), "rate_limited", "Resource exhausted."),
        Recorded("cooldown", 429, openai("No deployments available for selected model, Try again in 5 seconds. Passed "
                                         "model=x", "None", "429"), "rate_limited", "No deployments", 5.0),
        Recorded("budget", 400, openai("Budget has been exceeded! Current cost: 1.2, Max budget: 1.0", "budget_exceeded",
                                       "400"), "quota_exceeded", "Budget has been"),
        Recorded("model", 400, openai("Invalid model name passed in model=x. Call `/v1/models` to view available models.",
                                      "None", "400", param="None"), "model_not_found", "Invalid model name"),
        Recorded("access", 401, openai("key not allowed to access model. This key can only access models=['a']",
                                       "key_model_access_denied", "401"), "permission_denied", "key not allowed"),
        Recorded("key", 401, openai("Authentication Error, Invalid proxy server token passed.", "token_not_found_in_db",
                                    "401"), "authentication_failed", "Authentication Error"),
        Recorded("page", 500, openai("litellm.APIError: OpenAIException - " + PAGE.format("502 Bad Gateway"), None, "500"),
                 "server_error", "502 Bad Gateway"),
    ),
    "GitHub Models": (
        Recorded("too_large", 413, {"error": {"code": "tokens_limit_reached", "message": "Request body too large for x "
                                              "model. Max size: 8000 tokens.", "details": None}},
                 "context_length_exceeded", "Request body"),
        Recorded("minute", 429, {"error": {"code": "RateLimitReached", "message": "Rate limit of 10 per 60s exceeded for "
                                           "UserByModelByMinute. Please wait 37 seconds before retrying."}},
                 "rate_limited", "Rate limit of 10", 37.0),
        Recorded("day", 429, {"error": {"code": "RateLimitReached", "message": "Rate limit of 50 per 86400s exceeded for "
                                        "UserByModelByDay. Please wait 42000 seconds before retrying."}},
                 "quota_exceeded", "Rate limit of 50", 42000.0),
        Recorded("model", 400, {"error": {"code": "unknown_model", "message": "Unknown model: x"}}, "model_not_found",
                 "Unknown model"),
    ),
    "DashScope, Moonshot, Zhipu, MiniMax, Baidu": (
        Recorded("range", 400, openai("<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, "
                                      "204800]", code="invalid_parameter_error"), "context_length_exceeded", "<400> Int"),
        Recorded("inspected", 400, openai("Input data may contain inappropriate content.", "data_inspection_failed",
                                          "data_inspection_failed"), "content_filtered", "Input data"),
        Recorded("arrears", 400, openai("Access denied, please make sure your account is in good standing.", "Arrearage",
                                        "Arrearage"), "quota_exceeded", "Access denied"),
        Recorded("qwen_rate", 429, openai("Requests rate limit exceeded, please try again later.", "Throttling.RateQuota",
                                          "limit_requests"), "rate_limited", "Requests rate"),
        Recorded("free_tier", 403, openai("The free tier of the model has been exhausted.", None,
                                          "AllocationQuota.FreeTierOnly"), "quota_exceeded", "The free tier"),
        Recorded("kimi_long", 400, openai("Invalid request: Your request exceeded model token limit: 262144 (requested: "
                                          "269030)"), "context_length_exceeded", "Invalid request"),
        Recorded("kimi_busy", 429, openai("The engine is currently overloaded, please try again later",
                                          "engine_overloaded_error"), "overloaded", "The engine"),
        Recorded("kimi_credit", 429, openai("Your account is suspended, please check your plan and billing details",
                                            "exceeded_current_quota_error"), "quota_exceeded", "Your account"),
        Recorded("glm_model", 400, {"error": {"code": "1211", "message": "模型不存在，请检查模型代码。"}},
                 "model_not_found", "模型不存在"),
        Recorded("glm_credit", 429, {"error": {"code": "1113", "message": "余额不足或无可用资源包,请充值。"}},
                 "quota_exceeded", "余额不足"),
        Recorded("glm_rate", 429, {"error": {"code": "1302", "message": "您当前使用该API的并发数过高。"}},
                 "rate_limited", "您当前"),
        Recorded("glm_unsafe", 400, {"error": {"code": "1301", "message": "输入或生成内容可能包含不安全或敏感内容。"}},
                 "content_filtered", "输入或"),
        Recorded("minimax", 200, {"choices": None, "base_resp": {"status_code": 1008, "status_msg":
                                                                 "insufficient balance"}}, "quota_exceeded", "insuff"),
        Recorded("baidu_day", 200, {"error_code": 17, "error_msg": "Open api daily request limit reached"},
                 "quota_exceeded", "Open api daily"),
        Recorded("baidu_rate", 200, {"error_code": 18, "error_msg": "Open api qps request limit reached"},
                 "rate_limited", "Open api qps"),
    ),
    "proxies": (
        Recorded("bad_gateway", 502, PAGE.format("502 Bad Gateway"), "server_error", "502 Bad Gateway"),
        Recorded("blocked", 403, PAGE.format("Attention Required! | Cloudflare"), "endpoint_refused", "Attention"),
        Recorded("https", 400, PAGE.format("400 The plain HTTP request was sent to HTTPS port"), "endpoint_refused",
                 "400 The plain HTTP"),
        Recorded("too_large", 413, PAGE.format("413 Request Entity Too Large"), "payload_too_large", "413 Request",
                 elsewhere=True, tip="Send less"),
        Recorded("down", 521, PAGE.format("h | 521: Web server is down"), "server_error", "h | 521"),
        Recorded("left", 499, b"", "endpoint_refused", "without a message", again=True),
        Recorded("legal", 451, "Unavailable For Legal Reasons", "endpoint_refused", "Unavailable"),
        Recorded("teapot", 418, {"error": "I'm a teapot"}, "endpoint_refused", "I'm a teapot"),
        Recorded("misdirected", 421, b"Misdirected Request", "endpoint_refused", "Misdirected", again=True),
        Recorded("early", 425, b"Too Early", "endpoint_refused", "Too Early", again=True),
        Recorded("precondition", 428, b"", "endpoint_refused", "without a message"),
        Recorded("left_lb", 460, b"", "endpoint_refused", "without a message", again=True),
        Recorded("expired", 498, b"", "endpoint_refused", "without a message"),
        Recorded("problem", 500, {"type": "about:blank", "title": "Internal", "status": 500, "detail": "It broke."},
                 "server_error", "It broke."),
        Recorded("nested_rate", 500, {"error": None, "message": "Rate limit exceeded", "statusCode": 429},
                 "rate_limited", "Rate limit exceeded"),
        Recorded("reset_date", 429, {"message": "slow down"}, "rate_limited", "slow down", 30.0,
                 {"anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset":
                  "2026-01-02T03:04:35Z"}),
    ),
}  # fmt: skip

ALL = [(f"{server}: {one.name}", one) for server, recorded in SERVERS.items() for one in recorded]
