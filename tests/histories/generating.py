"""A history for every seed."""

import random
from collections.abc import Callable
from dataclasses import replace

from shared.errors import ErrorType
from shared.events.topics import OUTCOMES, REPLIES, RESULTS
from shared.priorities import Priority
from tests.histories.history import (
    Again,
    Away,
    Cancel,
    Clock,
    Deaf,
    Expel,
    Fault,
    Freeze,
    Garbage,
    History,
    How,
    Kill,
    Request,
    Stop,
    Trouble,
    Verb,
)
from tests.support.scripted_transport import Answer

_LASTS_S = 12.0  # what is asked for, and most of what goes wrong, is within these
_ERRORS: tuple[ErrorType, ...] = (
    "server_error",
    "overloaded",
    "rate_limited",
    "authentication_failed",
    "invalid_request",
)
_VERBS: tuple[Verb, ...] = ("produce", "produce", "commit", "commit", "fetch", "ask", "database", "database")
_HOWS: dict[Verb, tuple[How, ...]] = {
    "produce": ("refused", "lost", "slow", "broken", "broken_lost"),
    "commit": ("refused", "lost", "slow", "broken", "broken_lost", "fenced"),
    "fetch": ("refused", "slow"),
    "ask": ("refused", "slow"),
    "database": ("refused", "lost", "slow"),
}


def make(seed: int) -> History:
    chance = random.Random(seed)
    routers, monitors, gateways = chance.choice((1, 2, 2, 3)), chance.choice((1, 1, 2)), chance.choice((0, 0, 1, 2))
    requests = tuple(_request(chance, number, gateways) for number in range(1, chance.randint(1, 6) + 1))
    history = History(seed, routers, monitors, gateways, requests, (), chance.choice((0.0, 0.0, 0.02, 0.2)))
    faults = [_fault(chance, history) for _ in range(chance.choice((0, 1, 1, 2, 2, 3, 4, 6)))]
    if chance.random() < 0.2:
        faults += _half_a_broker(chance, history)
    return replace(history, faults=tuple(faults))


def _request(chance: random.Random, number: int, gateways: int) -> Request:
    at_s = chance.choice((0.0, 1.0, 1.0, chance.uniform(0.0, _LASTS_S)))
    answers = tuple(_answer(chance) for _ in range(chance.randint(1, 3)))
    priority: Priority = chance.choice(("interactive", "interactive", "normal", "bulk"))
    deadline_s = round(chance.uniform(5.0, 40.0), 1)
    request = Request(f"r{number}", round(at_s, 3), deadline_s, answers, priority=priority)
    if not gateways or chance.random() < 0.2:
        return request
    if chance.random() < 0.2:
        return replace(request, way="background")
    if chance.random() < 0.5:
        leaves_after_s = round(chance.uniform(0.0, 8.0), 1) if chance.random() < 0.2 else None
        return replace(request, way="gateway", leaves_after_s=leaves_after_s)
    every_s = round(chance.choice((0.0, 0.1, chance.uniform(0.0, 9.0))), 1)
    return replace(request, way="keyed", times=chance.randint(1, 4), every_s=every_s)


def _answer(chance: random.Random) -> Answer:
    kind = chance.random()
    if kind < 0.6:
        return Answer(round(chance.choice((0.0, 0.1, 1.0, chance.uniform(0.0, 14.0))), 2))
    if kind < 0.9:
        return Answer(round(chance.uniform(0.0, 3.0), 2), chance.choice(_ERRORS))
    return Answer(None)


def _fault(chance: random.Random, history: History) -> Fault:
    makers: tuple[Callable[[random.Random, History, float], Fault], ...] = (
        _kill, _kill, _kill, _stop, _freeze, _freeze, _expel, _trouble, _trouble, _trouble, _trouble, _deaf, _away,
        _clock, _again, _cancel, _garbage,
    )  # fmt: skip
    # Most things go wrong while something is done: at the moment of a request, or a little later.
    at_s = chance.choice([request.at_s for request in history.requests]) + chance.choice((0.0, 0.0, chance.random()))
    if chance.random() < 0.3:
        at_s = chance.uniform(0.0, _LASTS_S)
    return chance.choice(makers)(chance, history, round(at_s, 3))


def _slot(chance: random.Random, history: History) -> str:
    slots = [f"router-{number}" for number in range(1, history.routers + 1)]
    slots += [f"monitor-{number}" for number in range(1, history.monitors + 1)]
    slots += [f"gateway-{number}" for number in range(1, history.gateways + 1)]
    return chance.choice(slots)


def _kill(chance: random.Random, history: History, at_s: float) -> Kill:
    steps = chance.choice((0, chance.randint(1, 30), chance.randint(1, 120)))
    return Kill(_slot(chance, history), at_s, steps, round(chance.choice((0.5, 3.0, chance.uniform(0.0, 30.0))), 1))


def _stop(chance: random.Random, history: History, at_s: float) -> Stop:
    return Stop(_slot(chance, history), at_s, 1.0)


def _freeze(chance: random.Random, history: History, at_s: float) -> Freeze:
    return Freeze(_slot(chance, history), at_s, round(chance.choice((2.0, 12.0, chance.uniform(1.0, 60.0))), 1))


def _expel(chance: random.Random, history: History, at_s: float) -> Expel:
    return Expel(_slot(chance, history), at_s)


def _trouble(chance: random.Random, history: History, at_s: float) -> Trouble:
    verb = chance.choice(_VERBS)
    how = chance.choice(_HOWS[verb])
    slow_s = round(chance.choice((0.3, chance.uniform(0.0, 14.0))), 2) if how == "slow" else 0.0
    skip, count = chance.choice((0, 0, 1, 2, 3, 5)), chance.choice((1, 1, 2, 5))
    return Trouble(_slot(chance, history), at_s, verb, how, skip, count, slow_s)


def _half_a_broker(chance: random.Random, history: History) -> tuple[Fault, Fault]:
    """Around the time when an inference ends the broker takes nothing for one topic, and its router dies."""
    request = chance.choice(history.requests)
    ends_at_s = request.at_s + (request.answers[0].after_s or 0.0)
    topic, for_s = chance.choice((OUTCOMES, OUTCOMES, RESULTS, REPLIES)).name, round(chance.uniform(1.0, 12.0), 1)
    away = Away(topic, round(max(0.0, ends_at_s - chance.choice((0.0, chance.uniform(0.0, for_s)))), 3), for_s)
    dies_at_s = round(ends_at_s + chance.choice((0.0, chance.uniform(0.0, 6.0))), 3)
    slot, back_after_s = f"router-{chance.randint(1, history.routers)}", round(chance.uniform(0.5, 30.0), 1)
    return away, Kill(slot, dies_at_s, chance.randint(0, 30), back_after_s)


def _deaf(chance: random.Random, history: History, at_s: float) -> Deaf:
    slot = f"monitor-{chance.randint(1, history.monitors)}" if chance.random() < 0.7 else _slot(chance, history)
    return Deaf(slot, at_s, round(chance.uniform(2.0, 25.0), 1))


def _away(chance: random.Random, _history: History, at_s: float) -> Away:
    return Away(chance.choice(("broker", "database")), at_s, round(chance.uniform(0.5, 12.0), 1))


def _clock(chance: random.Random, history: History, at_s: float) -> Clock:
    slot, rate = _slot(chance, history), chance.choice((1.0, 1.0, 0.8, 1.2))
    # A gateway's clock is told to callers, in their deadlines. Of the others' nothing may depend.
    most_s = 10.0 if slot.startswith("gateway") else chance.choice((10.0, 3600.0))
    return Clock(slot, chance.choice((0.0, at_s)), round(chance.uniform(-most_s, most_s), 1), rate)


def _again(chance: random.Random, history: History, at_s: float) -> Again:
    return Again(chance.choice(history.requests).name, at_s)


def _cancel(chance: random.Random, history: History, at_s: float) -> Cancel:
    return Cancel(chance.choice(history.requests).name, at_s)


def _garbage(chance: random.Random, _history: History, at_s: float) -> Garbage:
    return Garbage(at_s, chance.choice(("normal", "bulk")))
