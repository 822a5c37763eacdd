"""What servers call errors: the types, codes and states that say alone what went wrong.

Names are compared without case and punctuation: `RateLimitError`, `rate_limit_error` and `RATE_LIMIT_ERROR` are one.
"""

from collections.abc import Iterable
from typing import TypeVar

from shared.errors.catalogue import ErrorType

_Meaning = TypeVar("_Meaning")

# Names that decide, whatever the status and the words beside them.
_DECISIVE: dict[ErrorType, str] = {
    "context_length_exceeded": """
        context_length_exceeded exceed_context_size_error context_exceeded context_window_exceeded context_window_error
        context_window_exceeded_error context_length_exceeded_error model_max_prompt_tokens_exceeded
        tokens_limit_reached max_context_length_exceeded input_too_long prompt_too_long
    """,
    "content_filtered": """
        content_filter content_filtered content_filter_error content_policy_violation content_policy_violation_error
        responsible_ai_policy_violation data_inspection_failed safety prohibited_content blocklist recitation spii
        image_safety moderation_blocked content_moderation content_violation guardrail_intervened refusal
    """,
    "authentication_failed": """
        invalid_api_key api_key_invalid api_key_expired invalid_authentication wrong_api_key missing_api_key
        expired_api_key invalid_token token_not_found_in_db unrecognized_client_exception expired_token_exception
        invalid_signature_exception incomplete_signature_exception access_token_expired
    """,
    "permission_denied": """
        key_model_access_denied team_model_access_denied unsupported_country_region_territory model_not_open
    """,
    "quota_exceeded": """
        insufficient_quota insufficient_user_quota insufficient_credits insufficient_balance insufficient_funds
        billing_hard_limit_reached billing_not_active billing_error credit_limit credit_balance_too_low arrearage
        budget_exceeded budget_exceeded_error payment_required exceeded_current_quota_error usage_limit_reached
        allocation_quota_free_tier_only pre_consume_token_quota_failed daily_limit_exceeded daily_quota_exceeded
    """,
    "model_not_found": """
        model_not_found model_not_found_error model_not_found_exception deployment_not_found model_decommissioned
        invalid_model model_not_available unavailable_model unknown_model model_not_exist model_not_supported
        invalid_endpoint_or_model_not_found
    """,
}

_OVERLOADED = """
    overloaded overloaded_error engine_overloaded engine_overloaded_error model_overloaded server_overloaded
    service_tier_capacity_exceeded capacity_exceeded model_capacity_exceeded no_capacity model_not_ready_exception
    model_loading slow_down
"""
_RATE = """
    rate_limit rate_limited rate_limit_error rate_limit_exceeded rate_limit_reached rate_limit_exceeded_error
    user_rate_limit_exceeded model_rate_limit too_many_requests too_many_requests_error too_many_requests_exception
    throttled throttling throttling_exception throttling_rate_quota throttling_allocation_quota throttling_burst_rate
    request_limit_exceeded limit_requests limit_burst_rate resource_exhausted quota_exceeded tokens requests
"""

# Names that say no more than a status does, and the status.
_GENERAL: dict[int, str] = {
    400: """
        invalid_request_error invalid_request bad_request bad_request_error invalid_argument validation_exception
        validation_error invalid_parameter invalid_parameter_error unprocessable_entity unprocessable_entity_error
        content_filter content_policy_violation context_length_exceeded exceed_context_size_error
    """,
    401: "authentication_error authentication_failed auth_error unauthorized unauthenticated invalid_api_key",
    402: "payment_required billing_error insufficient_credits insufficient_balance",
    403: "permission_error permission_denied permission_denied_error access_denied access_denied_exception forbidden",
    404: """
        not_found not_found_error resource_not_found resource_not_found_exception model_not_found deployment_not_found
    """,
    413: "request_too_large payload_too_large request_entity_too_large",
    429: _RATE + " insufficient_quota",
    500: "server_error api_error internal internal_error internal_server_error internal_server_exception",
    503: "unavailable unavailable_error service_unavailable service_unavailable_error service_unavailable_exception",
    504: "timeout_error deadline_exceeded gateway_timeout api_timeout_error",
    529: _OVERLOADED,
}


def plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def _by_name(names: dict[_Meaning, str]) -> dict[str, _Meaning]:
    return {plain(name): meaning for meaning, listed in names.items() for name in listed.split()}


_TYPES = _by_name(_DECISIVE)
_STATUSES = _by_name(_GENERAL)
_RATES = frozenset(_by_name({True: _RATE}))
_CAPACITIES = frozenset(_by_name({True: _OVERLOADED}))


def type_named(names: Iterable[str]) -> ErrorType | None:
    return next((_TYPES[name] for name in map(_last_word, names) if name in _TYPES), None)


def status_named(names: Iterable[str]) -> int | None:
    return next((_STATUSES[name] for name in map(_last_word, names) if name in _STATUSES), None)


def names_a_rate(names: Iterable[str]) -> bool:
    return any(_last_word(name) in _RATES for name in names)


def names_a_capacity(names: Iterable[str]) -> bool:
    return any(_last_word(name) in _CAPACITIES for name in names)


def _last_word(name: str) -> str:
    """Of `com.amazon.coral.service#ThrottlingException` and `InternalError.Algo.DataInspectionFailed`; but DashScope's
    `Throttling.RateQuota` and `AllocationQuota.FreeTierOnly` are known as a whole."""
    whole = plain(name)
    if whole in _TYPES or whole in _STATUSES:
        return whole
    return plain(name.replace("#", ".").replace("/", ".").rpartition(".")[2])
