"""The closed list of error types: title, tips, and what to do next.

`http_status` is what the caller of the gateway sees. SDKs retry 408, 409, 429 and 5xx by themselves, and read
401 and 403 as *their own* key being bad; so an upstream failure that cannot heal by repeating is a 424, and
401, 403 and 404 are kept for what is wrong with the caller's own request.
Tips may name `{model}` (the id), `{name}` (a custom model's id without its prefix, as routes take it), `{provider}`
and `{host}`.
"""

from dataclasses import dataclass
from typing import Literal

ErrorType = Literal[
    "authentication_failed",
    "permission_denied",
    "model_not_found",
    "endpoint_not_found",
    "endpoint_refused",
    "endpoint_unreachable",
    "tls_failed",
    "connect_timeout",
    "read_timeout",
    "rate_limited",
    "quota_exceeded",
    "context_length_exceeded",
    "content_filtered",
    "invalid_request",
    "server_error",
    "overloaded",
    "bad_response",
    "stream_broken",
    "key_unreadable",
    "endpoint_forbidden",
    "no_model_available",
    "provider_not_allowed",
    "model_at_capacity",
    "circuit_open",
    "expired",
    "cancelled",
    "router_lost",
    "handed_back",
    "payload_too_large",
    "too_many_requests",
    "unavailable",
    "generator_unavailable",
    "generation_invalid",
    "internal",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """How one error type is worded and treated.

    retryable: the same candidate may succeed when tried again.
    fallback: another candidate may succeed.
    provider_tips: what to do when the model is a provider's, where that is not what to do about one's own.
    setup_tips: what to do while a model is being set up, when there is none yet that could be changed or tested.
    """

    title: str
    http_status: int
    tips: tuple[str, ...]
    retryable: bool = False
    fallback: bool = True
    provider_tips: tuple[str, ...] | None = None
    setup_tips: tuple[str, ...] | None = None


CATALOGUE: dict[ErrorType, Kind] = {
    "authentication_failed": Kind(
        "The endpoint did not accept the model's API key",
        424,
        (
            "Store a valid key: PATCH /api/models/custom/{name} with a new api_key.",
            "Then test it: tallygate models test {model}",
        ),
        provider_tips=(
            "Store your own key: tallygate providers set-key {provider} (PUT /api/providers/{provider}/key).",
            "The deployment's own key is an operator's to change, in TALLYGATE_PROVIDERS.",
        ),
        setup_tips=("Give a key that the endpoint accepts (api_key), then set the model up again.",),
    ),
    "permission_denied": Kind(
        "The model's API key may not use this model",
        424,
        (
            "Give the key access to the model in the provider's console, or store another key.",
            "Test it: tallygate models test {model}",
        ),
        provider_tips=(
            "Give the key access to the model in the provider's console.",
            "Or store another key of your own: tallygate providers set-key {provider}",
        ),
        setup_tips=("Give the key access to the model in the provider's console, or give another key (api_key).",),
    ),
    "model_not_found": Kind(
        "The model does not exist",
        424,
        (
            "Set config.model to a name that the endpoint lists (GET <endpoint>/models).",
            "List what you can use here: tallygate models list",
        ),
        provider_tips=(
            "List what you can use here: tallygate models list",
            "The provider may have withdrawn the model; its name is an operator's to change, in TALLYGATE_PROVIDERS.",
        ),
        setup_tips=("Set config.model to a name that the endpoint lists; see them with POST /api/models/probe.",),
    ),
    "endpoint_not_found": Kind(
        "The endpoint has no such path",
        424,
        (
            "Check endpoint_url: it usually ends in /v1 (tallygate models show {model}).",
            "Check the provider setting: openai-compatible and anthropic-compatible use different paths.",
        ),
        provider_tips=("An operator can correct base_url and wire_format of {provider} in TALLYGATE_PROVIDERS.",),
        setup_tips=(
            "Check endpoint_url: it usually ends in /v1.",
            "Check the provider: openai-compatible and anthropic-compatible use different paths.",
        ),
    ),
    "endpoint_refused": Kind(
        "The endpoint refused the call",
        424,
        (
            "The detail says with which status; look at the logs of the server at {host} and of proxies before it.",
            "Check endpoint_url and headers (tallygate models show {model}).",
        ),
        provider_tips=(
            "The detail says with which status; see the provider's documentation, or choose another model.",
        ),
        setup_tips=("The detail says with which status; check endpoint_url and headers.",),
    ),
    "endpoint_unreachable": Kind(
        "No connection to the endpoint could be made",
        502,
        (
            "Check that the server at {host} is running and reachable from the router.",
            "Test it: tallygate models test {model}",
        ),
        provider_tips=("Check that {host} is reachable from the router, and the provider's status page.",),
        retryable=True,
        setup_tips=("Check that the server at {host} is running and reachable from gateway and router.",),
    ),
    "tls_failed": Kind(
        "The TLS connection to the endpoint failed",
        424,
        (
            "Check the certificate of {host}: name, expiry and chain.",
            "A plain-text server needs an http:// endpoint_url.",
        ),
        provider_tips=(
            "Check the certificate of {host}: name, expiry and chain.",
            "Look for a proxy between the router and {host} that shows a certificate of its own.",
        ),
    ),
    "connect_timeout": Kind(
        "The endpoint did not accept a connection in time",
        504,
        ("Check firewalls and routes between the router and {host}.",),
        setup_tips=("Check firewalls and routes between gateway, router and {host}.",),
        retryable=True,
    ),
    "read_timeout": Kind(
        "The model did not answer in time",
        504,
        (
            "Raise timeout_s of the model if it is slow by nature: PATCH /api/models/custom/{name}",
            "Of a stream, first_chunk_timeout_s and idle_timeout_s bound its beginning and its pauses.",
            "Lower max_tokens, or choose a faster model.",
        ),
        provider_tips=(
            "Lower max_tokens, or choose a faster model.",
            "An operator can raise timeout_s of {provider} in TALLYGATE_PROVIDERS.",
            "Of a stream, first_chunk_timeout_s and idle_timeout_s bound its beginning and its pauses.",
        ),
        setup_tips=("Set the model up again with a longer timeout_s if it is slow by nature, or choose a faster one.",),
    ),
    "rate_limited": Kind(
        "The endpoint is limiting the rate of requests",
        429,
        (
            "Wait for the time in Retry-After, or raise the rate limit at the provider.",
            "Limit what is sent: set max_concurrency with PATCH /api/models/custom/{name}",
        ),
        retryable=True,
        provider_tips=(
            "Wait for the time in Retry-After, or raise the rate limit at the provider.",
            "A key of your own has limits of its own: tallygate providers set-key {provider}",
        ),
        setup_tips=(
            "Wait for the time in Retry-After, or raise the rate limit at the provider, then set the model up again.",
        ),
    ),
    "quota_exceeded": Kind(
        "The account at the provider has no quota or credit left",
        424,
        ("Check plan and billing of the account that the key of {model} belongs to.",),
        provider_tips=(
            "Check plan and billing of the account that the key for {provider} belongs to.",
            "Or store another key of your own: tallygate providers set-key {provider}",
        ),
        setup_tips=("Check plan and billing of the account that the key belongs to.",),
    ),
    "context_length_exceeded": Kind(
        "The request is longer than the model's context window",
        400,
        (
            "Shorten the messages or lower max_tokens.",
            "Set context_window with PATCH /api/models/custom/{name}, so that a longer request is routed elsewhere.",
        ),
        provider_tips=(
            "Shorten the messages or lower max_tokens, or choose a model with a larger context window.",
            "An operator can set context_windows of {provider} in TALLYGATE_PROVIDERS, so that it is known beforehand.",
        ),
        setup_tips=("Choose a model with a larger context window: even a short question is too long for this one.",),
    ),
    "content_filtered": Kind(
        "The provider's content filter refused the request",
        400,
        ("Rephrase the request, or use a model with another policy.",),
        fallback=False,
    ),
    "invalid_request": Kind(
        "The request is not valid",
        400,
        ("The detail names the field; correct it and send the request again.",),
        fallback=False,
    ),
    "server_error": Kind(
        "The endpoint failed internally",
        502,
        ("Look at the logs of the server at {host}; try again later.",),
        retryable=True,
        provider_tips=("Try again later; see the provider's status page.",),
    ),
    "overloaded": Kind(
        "The endpoint is overloaded",
        503,
        ("Try again later, or register a second model to fall back on.",),
        retryable=True,
    ),
    "bad_response": Kind(
        "The endpoint answered with something that is not a completion",
        502,
        (
            "Check that endpoint_url leads to a model server and not to a web page or proxy.",
            "Check the provider setting of {model}: openai-compatible or anthropic-compatible.",
        ),
        provider_tips=("An operator can correct base_url and wire_format of {provider} in TALLYGATE_PROVIDERS.",),
        setup_tips=(
            "Check that endpoint_url leads to a model server and not to a web page or proxy.",
            "Check the provider: openai-compatible or anthropic-compatible.",
        ),
    ),
    "stream_broken": Kind(
        "The answer broke off before it was complete",
        502,
        ("Look at the logs of the server at {host}, and for proxies that cut long answers.",),
        retryable=True,
        provider_tips=("Try again, and look for proxies before {host} that cut long answers.",),
    ),
    "key_unreadable": Kind(
        "The model's stored secret cannot be opened",
        424,
        (
            "Give the services the key that sealed it (TALLYGATE_KEYS), then restart them.",
            "Or store the secret again: PATCH /api/models/custom/{name} with api_key.",
        ),
        provider_tips=(
            "Give the services the key that sealed it (TALLYGATE_KEYS), then restart them.",
            "Or store your key again: tallygate providers set-key {provider}",
        ),
        setup_tips=("Give gateway and router the same TALLYGATE_KEYS, and set the model up again.",),
    ),
    "endpoint_forbidden": Kind(
        "The endpoint's address is not allowed",
        424,
        (
            "Use an endpoint with a public address.",
            "An operator can allow a network: TALLYGATE_ALLOWED_NETWORKS=10.1.0.0/16",
        ),
    ),
    "no_model_available": Kind(
        "No model can serve this request",
        404,
        (
            "Register one: tallygate models add",
            "See which models there are: tallygate models list",
        ),
    ),
    "provider_not_allowed": Kind(
        "This provider may not be used",
        403,
        ("Use one of your own models, or ask your operator to allow the provider.",),
    ),
    "model_at_capacity": Kind(
        "The model has reached its max_concurrency",
        503,
        (
            "If the endpoint can take more, raise max_concurrency: PATCH /api/models/custom/{name}",
            "Register a second model, or give requests a later deadline: they wait until then.",
            "Send what nobody waits for with x-tallygate-priority: bulk. It goes after all others: docs/lanes.md",
        ),
        retryable=True,
        setup_tips=("Set the model up again, with a higher max_concurrency if the endpoint can take more.",),
    ),
    "circuit_open": Kind(
        "The model is paused after repeated failures",
        503,
        ("It is probed automatically. See why it failed: tallygate monitor --model {model}",),
        setup_tips=("Wait for the time in Retry-After, then set the model up again.",),
    ),
    "expired": Kind(
        "The deadline passed before there was an answer",
        504,
        (
            "Give more time: header x-tallygate-deadline-s, or deadline_s in the body.",
            "See where the time went: tallygate show <inference_id>",
        ),
        fallback=False,
    ),
    "cancelled": Kind("The request was cancelled", 499, ("Send it again if it is still needed.",), fallback=False),
    "router_lost": Kind(
        "The router that made this call died before it could report",
        502,
        ("The request is handed to another router while its deadline allows; see tallygate show <inference_id>",),
        retryable=True,
    ),
    "handed_back": Kind(
        "The router handed this request back before the call was finished",
        503,
        ("The request is handed to another router while its deadline allows; see tallygate show <inference_id>",),
        retryable=True,
    ),
    "payload_too_large": Kind(
        "The request is too large",
        413,
        ("Send less; an operator can raise TALLYGATE_MAX_BODY_BYTES.",),
        fallback=False,
    ),
    "too_many_requests": Kind(
        "Too many requests",
        429,
        ("Wait for the time in Retry-After, or ask your operator for a higher limit.",),
        retryable=True,
        fallback=False,
    ),
    "unavailable": Kind(
        "The gateway cannot take requests at the moment",
        503,
        (
            "Try again after the time in Retry-After. Operators: GET /readyz tells why.",
            "When an inference or a job is named, it may have been accepted, and is being cancelled.",
            "When it was sent with an Idempotency-Key it goes on: the same request with the same key gets its answer.",
        ),
        retryable=True,
        fallback=False,
    ),
    "generator_unavailable": Kind(
        "The generator is not available",
        503,
        ("Install it, or choose one of the installed generators.",),
        fallback=False,
    ),
    "generation_invalid": Kind(
        "The generated code did not pass its checks",
        422,
        ("See the validation report; try again with a larger model or a smaller wish.",),
        fallback=False,
    ),
    "internal": Kind(
        "Something failed that should not",
        500,
        ("Report it with the inference_id; operators find the cause in the service's log.",),
        fallback=False,
    ),
}
