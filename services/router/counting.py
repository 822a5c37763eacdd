"""Pure: how many tokens a call took, and who says so. In words: docs/usage.md."""

from collections.abc import Callable

from shared.errors import Failure
from shared.events.attempt import UsageState
from shared.registry import Price
from shared.registry.models import NOTHING_APART, Apart
from shared.wire.reading.usage import NO_USAGE, Usage, estimated, is_counted

_NOTHING = Usage(0, 0, cost_usd=0.0)
# Of a call that ended so, nothing had reached a model.
_NEVER_SENT = frozenset(
    {"connect_timeout", "endpoint_forbidden", "endpoint_unreachable", "handed_back", "key_unreadable", "tls_failed"}
)
# A gateway in between gave up on an endpoint that may go on: 504, and Cloudflare's 524.
_GAVE_UP = frozenset({408, 499, 504, 524})

Counted = tuple[Usage, UsageState]


def of_answer(said: Usage, characters: int, prompt_tokens: Callable[[], int]) -> Counted:
    """Of an answer that is whole. characters: of it. prompt_tokens: an estimate, made only where it is needed."""
    if is_counted(said, characters):
        return said._replace(output_tokens=said.output_tokens or 0), "reported"
    return estimated(said, characters, prompt_tokens), "estimated"


def of_part(said: Usage, characters: int, prompt_tokens: Callable[[], int]) -> Counted:
    """Of an answer that broke off after it had begun: what came of it, at least."""
    return estimated(said, characters, prompt_tokens), "estimated"


def of_failure(failed: Failure, said: Usage = NO_USAGE, *, sent: bool = True) -> Counted:
    """Of a call that brought nothing. said: by its endpoint all the same. sent: the request left this router."""
    if said.input_tokens or said.output_tokens:
        return said._replace(input_tokens=said.input_tokens or 0, output_tokens=said.output_tokens or 0), "reported"
    status = failed.upstream_status
    was_refused = status is not None and status not in _GAVE_UP
    if not sent or was_refused or failed.error_type in _NEVER_SENT:
        return _NOTHING, "reported"
    if failed.error_type == "invalid_request" and status is None:  # it cannot be said to such an endpoint
        return _NOTHING, "reported"
    return NO_USAGE, "unknown"


def cost_usd(price: Price | None, usage: Usage) -> float | None:
    """Without a price, what the endpoint says that it costs. None when neither is known, or no tokens are."""
    if usage == _NOTHING:
        return None if price is None else 0.0
    if price is None:
        return usage.cost_usd
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    cached = (usage.cache_read_tokens, usage.cache_write_tokens)
    return price.cost_usd(usage.input_tokens or 0, usage.output_tokens or 0, *cached, apart=_apart(usage))


def _apart(usage: Usage) -> Apart:
    if not (usage.cache_write_1h_tokens or usage.input_audio_tokens or usage.output_audio_tokens):
        return NOTHING_APART
    in_no_cache = (usage.input_tokens or 0) - usage.cache_read_tokens - usage.cache_write_tokens
    audio = min(usage.input_audio_tokens, in_no_cache)
    return Apart(usage.cache_write_1h_tokens, audio, usage.output_audio_tokens)
