"""Pure: from a seed to what is done when. The same seed is the same schedule, on every machine."""

import random
from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from tests.chaos.faults import ADDED_ROUTER, UPSTREAM, Fault, Kind, Planned

LOAD_AFTER_S = 4.0  # the last fault is under load too


class Choice(NamedTuple):
    """role: one of ROLES; hold_s: shortest and longest."""

    kind: Kind
    role: str
    hold_s: tuple[float, float] = (0.0, 0.0)


class Pace(NamedTuple):
    """first_at_s: calm before the first fault. gap_s: from the end of a fault to the next one, shortest and longest.
    every_s: from the start of a fault to the next one, at least."""

    choices: Sequence[Choice]
    first_at_s: float
    gap_s: tuple[float, float]
    every_s: float = 0.0


ROLES = {
    "gateway": ("gateway",),
    "router": ("router-0", "router-1"),
    "monitor": ("monitor", "monitor-1"),
    "jobs": ("jobs", "jobs-1"),
    "kafka": ("kafka",),
    "postgres": ("postgres",),
    "router with a clock": ("router-1",),
    "monitor with a clock": ("monitor-1",),
    "upstream": (UPSTREAM,),
}
SHIFTS = ("+1h", "-1h")

# A router that stands still for 12 s is declared dead after 10 s of silence, and wakes up as a zombie.
# The jobs of a frozen worker come to the other one after 10 s, and it wakes up as if it had them.
# A gateway has given up a publish after 15 s; when it was only cut off, the request arrives after all.
# The partitions of a frozen monitor come to the other one after 10 s; then that one can book, and recover.
FULL = Pace(
    choices=(
        Choice("kill", "gateway"),
        Choice("kill", "router"),
        Choice("kill", "monitor"),
        Choice("kill", "jobs"),
        Choice("kill", "kafka"),
        Choice("kill", "postgres"),
        Choice("term", "gateway"),
        Choice("term", "router"),
        Choice("term", "monitor"),
        Choice("term", "jobs"),
        Choice("freeze", "router", (12.0, 14.0)),
        Choice("freeze", "monitor", (4.0, 12.0)),
        Choice("freeze", "jobs", (12.0, 14.0)),
        Choice("freeze", "kafka", (3.0, 6.0)),
        Choice("freeze_holder", "router", (24.0, 26.0)),
        Choice("cut", "router", (4.0, 14.0)),
        Choice("cut", "gateway", (15.5, 18.0)),
        Choice("cut", "monitor", (3.0, 8.0)),
        Choice("cut", "jobs", (3.0, 8.0)),
        Choice("add", "router"),
        Choice("remove", "router"),
        Choice("read_only", "postgres", (5.0, 8.0)),
        Choice("full", "kafka", (3.0, 5.0)),
        Choice("clock", "router with a clock", (6.0, 10.0)),
        Choice("clock", "monitor with a clock", (6.0, 10.0)),
        Choice("odd_events", "upstream"),
    ),
    first_at_s=15.0,
    gap_s=(2.5, 5.0),
)
SHORT = Pace(
    choices=(
        Choice("kill", "router"),
        Choice("kill", "gateway"),
        Choice("kill", "monitor"),
        Choice("term", "router"),
        Choice("kill", "kafka"),
        Choice("kill", "postgres"),
        Choice("odd_events", "upstream"),
    ),
    first_at_s=3.0,
    gap_s=(2.0, 3.0),
)


def schedule(seed: int, faults: int, pace: Pace = FULL) -> list[Planned]:
    """Every choice comes once before any comes again."""
    chance = random.Random(f"schedule/{seed}")
    planned: list[Planned] = []
    at_s, added = pace.first_at_s, False
    for choice in _choices(chance, faults, pace.choices):
        if choice.kind in ("add", "remove"):
            fault = Fault("remove" if added else "add", f"router-{ADDED_ROUTER}")
            added = not added
        else:
            fault = _drawn(chance, choice)
        planned.append(Planned(round(at_s, 1), fault))
        at_s += max(pace.every_s, fault.hold_s + chance.uniform(*pace.gap_s))
    return planned


def schedule_within(seed: int, seconds: float, pace: Pace) -> list[Planned]:
    """As many faults as are over by then."""
    many = schedule(seed, int(seconds / max(pace.every_s, pace.gap_s[0])) + 1, pace)
    return list(takewhile(lambda one: one.at_s + one.fault.hold_s < seconds, many))


def load_s(planned: Sequence[Planned]) -> float:
    """How long the load lasts."""
    last = planned[-1] if planned else Planned(0.0, Fault("add", ""))
    return last.at_s + last.fault.hold_s + LOAD_AFTER_S


def _drawn(chance: random.Random, choice: Choice) -> Fault:
    target = chance.choice(ROLES[choice.role])
    hold_s = round(chance.uniform(*choice.hold_s), 1)
    return Fault(choice.kind, target, hold_s, chance.choice(SHIFTS) if choice.kind == "clock" else "")


def _choices(chance: random.Random, count: int, choices: Sequence[Choice]) -> list[Choice]:
    drawn: list[Choice] = []
    while len(drawn) < count:
        drawn += chance.sample(choices, len(choices))
    return drawn[:count]
