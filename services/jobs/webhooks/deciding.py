"""Pure: what becomes of a delivery after a try, and of its webhook after a round of tries.

A delivery is tried again after 5 s, 30 s, 2 min, 10 min, 1 h and then every hour, until it has been tried for a day. A
webhook of which nothing was taken in a round rests by the same steps, and is then called for one delivery at a time: a
receiver that is away costs one call, however much waits for it. When nothing was taken for a day, it is disabled.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.webhooks.store import Due, HookState, Try

_STEPS_S = (5.0, 30.0, 120.0, 600.0, 3600.0)
_GONE = 410


class Answer(NamedTuple):
    """Of a receiver. status: None: there was no HTTP answer. error: in words; None: it was taken."""

    status: int | None
    error: str | None


class Tried(NamedTuple):
    delivery: Due
    answer: Answer
    at: datetime
    took_s: float


class Round(NamedTuple):
    """What a worker knows of a webhook before a round. give_up_s: after how long without success it ends."""

    failures: int
    failing_since: datetime | None
    give_up_s: float


def wait_s(failures: int, jitter: float) -> float:
    """After so many failures, at least 1. jitter: about 1, so that receivers are not called by all at the same time."""
    return _STEPS_S[min(failures, len(_STEPS_S)) - 1] * jitter


def after_try(tried: Tried, give_up_s: float, jitter: float) -> Try:
    delivery, answer = tried.delivery, tried.answer
    kept = {
        "at": tried.at.isoformat(),
        "status": answer.status,
        "error": answer.error,
        "took_s": round(tried.took_s, 3),
    }
    if answer.error is None:
        return Try(delivery.delivery_id, kept, tried.at, True)
    due_at = tried.at + timedelta(seconds=wait_s(delivery.failures + 1, jitter))
    over = tried.at - delivery.begun_at >= timedelta(seconds=give_up_s)
    return Try(delivery.delivery_id, kept, due_at, False if over else None)


def after_round(before: Round, tries: Sequence[Tried], now: datetime, jitter: float) -> HookState:
    """tries: at least one."""
    failed = [tried.answer for tried in tries if tried.answer.error is not None]
    if len(failed) < len(tries):
        return HookState(0, None, None, True, None)
    failures, since = before.failures + 1, before.failing_since or now
    last = failed[-1]
    because = None
    if any(answer.status == _GONE for answer in failed):
        because = "its receiver answered 410: it is gone"
    elif now - since >= timedelta(seconds=before.give_up_s):
        because = f"nothing was taken since {since:%Y-%m-%d %H:%M} UTC; at last its receiver {last.error}"
    return HookState(failures, since, now + timedelta(seconds=wait_s(failures, jitter)), False, because)
