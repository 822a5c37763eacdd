"""Pure: what to do after a failed call."""

import random
from dataclasses import dataclass
from typing import Literal

from shared.errors import Failure, failure

MAX_CALLS_SETTING = "TALLYGATE_ROUTER_MAX_CALLS"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """max_tries: calls of one candidate. Waits grow from base_s to max_s, with full jitter.

    max_calls: of one inference, over all its candidates and deliveries.
    """

    max_tries: int
    base_s: float
    max_s: float
    max_calls: int = 8


@dataclass(frozen=True, slots=True)
class Decision:
    """`retry` the same candidate after delay_s, `fall_back` to the next one, or `give_up`.

    limit_reached: given up although another call might have helped, because max_calls were made.
    """

    action: Literal["retry", "fall_back", "give_up"]
    delay_s: float = 0.0
    limit_reached: bool = False


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


def worth_calling(failed: Failure, window: int | None, other_window: int | None) -> bool:
    """Whether another model may answer what a model could not: what was too long for it is not shorter for one whose
    context window is known to be no larger. Windows in tokens; None is not known."""
    if failed.error_type != "context_length_exceeded" or window is None or other_window is None:
        return True
    return other_window > window


def within_limit(decision: Decision, calls_made: int, others_wait: bool, policy: RetryPolicy) -> Decision:
    """The decision, or to give up when it would make more calls than one inference may have.

    calls_made: of this inference, those of earlier deliveries included. others_wait: whether candidates are left.
    """
    would_call = decision.action == "retry" or (decision.action == "fall_back" and others_wait)
    if would_call and calls_made >= policy.max_calls:
        return Decision("give_up", limit_reached=True)
    return decision


def before_first_call(attempts_made: int, policy: RetryPolicy) -> Failure | None:
    """Why a delivery may not be called at all: earlier ones have used up the calls. They were lost or handed back,
    since a request comes again for no other reason."""
    if attempts_made < policy.max_calls:
        return None
    made = failure("router_lost", f"{attempts_made} calls were begun by routers that were lost or stopped")
    return at_limit(made, policy)


def at_limit(last: Failure, policy: RetryPolicy) -> Failure:
    """The failure of an inference that had all the calls it may have; says by which setting."""
    limit = f"the limit of {policy.max_calls} calls for one inference is reached ({MAX_CALLS_SETTING})"
    tip = f"An operator can allow more calls for one inference: {MAX_CALLS_SETTING}, now {policy.max_calls}."
    return last.model_copy(update={"detail": f"{last.detail}; {limit}", "tips": (*last.tips, tip)})
