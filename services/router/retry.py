"""Pure: what to do after a failed call."""

import random
from dataclasses import dataclass
from typing import Literal

from shared.errors import Failure


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """max_tries: calls of one candidate. Waits grow from base_s to max_s, with full jitter."""

    max_tries: int
    base_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Decision:
    """`retry` the same candidate after delay_s, `fall_back` to the next one, or `give_up`."""

    action: Literal["retry", "fall_back", "give_up"]
    delay_s: float = 0.0


def after_failure(
    failed: Failure, tries: int, remaining_s: float, policy: RetryPolicy, jitter: float | None = None
) -> Decision:
    """tries: calls of this candidate so far. remaining_s: until the deadline. jitter: 0..1, random when None."""
    if failed.retryable and tries < policy.max_tries:
        share = random.random() if jitter is None else jitter  # noqa: S311 - spreads load, is no secret
        delay_s = share * min(policy.max_s, policy.base_s * 2 ** (tries - 1))
        if failed.retry_after_s is not None:
            delay_s = max(delay_s, failed.retry_after_s)
        # When the endpoint asks for a longer wait than max_s or the deadline, another candidate answers sooner.
        if delay_s < remaining_s and (failed.retry_after_s or 0.0) <= policy.max_s:
            return Decision("retry", delay_s)
    return Decision("fall_back" if failed.fallback else "give_up")
