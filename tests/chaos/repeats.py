"""Pure: which calls were made a second time, and whether a router's death explains it."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from tests.chaos.evidence import BookedAttempt, BookedInference, Evidence, RouterLife, Struck
from tests.chaos.faults import configured_name

# Closed by somebody who cannot know what the endpoint said: the next call is no retry, but the same work again.
_UNKNOWN_END = {"router_lost", "handed_back", "expired", "cancelled"}
_CLOCKS_DIFFER = timedelta(seconds=0.5)  # of the kernel's birth of a process, and the broker
_PID = re.compile(r"-(\d+)-[0-9a-f]+$")


class Repeat(NamedTuple):
    """`again` reached the endpoint, and so had `before`, of the same inference."""

    before: BookedAttempt
    again: BookedAttempt


def repeats(evidence: Evidence) -> list[Repeat]:
    """Calls that no retry or fallback policy asked for."""
    called = {call.attempt_id for call in evidence.calls}
    by_inference = _by_inference([one for one in evidence.attempts if one.attempt_id in called])
    return [
        Repeat(before, again)
        for attempts in by_inference.values()
        for before, again in pairwise(attempts)
        if before.outcome != "failed" or before.error_type in _UNKNOWN_END
    ]


def in_flight(evidence: Evidence) -> dict[int, set[str]]:
    """By fault that may repeat calls (its place in the schedule), the inferences its router had in its hands."""
    by_inference = _by_inference(evidence.attempts)
    settled = {one.inference_id: one for one in evidence.inferences}
    return {
        place: set(_held(router_ids_of(struck, evidence.lives), struck, by_inference, settled))
        for place, struck in enumerate(evidence.struck)
        if struck.planned.fault.may_repeat_calls
    }


def unexplained(evidence: Evidence) -> list[Repeat]:
    held = set().union(*in_flight(evidence).values())
    return [one for one in repeats(evidence) if one.before.inference_id not in held]


def during_membership(evidence: Evidence) -> list[Repeat]:
    """Unexplained repetitions of calls that were in flight while a router came or went."""
    windows = [one for one in evidence.struck if one.planned.fault.on_membership]
    return [repeat for repeat in unexplained(evidence) if any(_overlaps(repeat, window) for window in windows)]


def router_ids_of(struck: Struck, lives: Sequence[RouterLife]) -> set[str]:
    """Of the process that was struck: by its pid where that is in the name, else the first of its name to be heard
    after it was born. Empty when it was never heard."""
    by_pid = {life.router_id for life in lives if pid_of(life.router_id) == struck.pid}
    if by_pid or struck.born_at is None:
        return by_pid
    name, born_at = configured_name(struck.planned.fault.target), struck.born_at - _CLOCKS_DIFFER
    heard = [
        (life.first_beat_at, life.router_id)
        for life in lives
        if life.router_id.rpartition("-")[0] == name and born_at <= life.first_beat_at <= struck.ended_at
    ]
    return {min(heard)[1]} if heard else set()


def pid_of(router_id: str) -> int:
    """A router without a configured name is called by its process: <host>-<pid>-<random>."""
    found = _PID.search(router_id)
    return int(found[1]) if found else 0


def _held(
    router_ids: set[str],
    struck: Struck,
    by_inference: Mapping[str, Sequence[BookedAttempt]],
    settled: Mapping[str, BookedInference],
) -> Iterator[str]:
    for inference_id, attempts in by_inference.items():
        mine = any(one.router_id in router_ids for one in attempts if one.started_at <= struck.hit_at)
        inference = settled.get(inference_id)
        if mine and (inference is None or _open_at(inference, struck.began_at)):
            yield inference_id


def _open_at(inference: BookedInference, at: datetime) -> bool:
    """What the router had finished and could not put on record yet was in its hands too."""
    return inference.on_record_at is None or inference.on_record_at >= at


def _overlaps(repeat: Repeat, window: Struck) -> bool:
    return repeat.before.started_at <= window.ended_at and repeat.again.started_at >= window.began_at


def _by_inference(attempts: Sequence[BookedAttempt]) -> dict[str, list[BookedAttempt]]:
    found: dict[str, list[BookedAttempt]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda attempt: (attempt.started_at, attempt.attempt_number)):
        found[attempt.inference_id].append(attempt)
    return found
