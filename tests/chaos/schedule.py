"""Pure: from a seed to what is done when. The same seed is the same schedule, on every machine."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from tests.chaos.faults import ADDED_ROUTER, Fault, Kind, Planned

FIRST_AT_S = 3.0
LOAD_AFTER_S = 4.0  # the last fault is under load too


class Choice(NamedTuple):
    """role: one of ROLES; hold_s: shortest and longest."""

    kind: Kind
    role: str
    hold_s: tuple[float, float] = (0.0, 0.0)


class Pace(NamedTuple):
    choices: Sequence[Choice]
    gap_s: tuple[float, float]


ROLES = {
    "gateway": ("gateway",),
    "router": ("router-0", "router-1"),
    "monitor": ("monitor", "monitor-1"),
    "kafka": ("kafka",),
    "postgres": ("postgres",),
}

# A router that stands still for 12 s is declared dead after 10 s of silence, and wakes up as a zombie.
# A gateway has given up a publish after 15 s; when it was only cut off, the request arrives after all.
FULL = Pace(
    choices=(
        Choice("kill", "gateway"),
        Choice("kill", "router"),
        Choice("kill", "monitor"),
        Choice("kill", "kafka"),
        Choice("kill", "postgres"),
        Choice("term", "gateway"),
        Choice("term", "router"),
        Choice("term", "monitor"),
        Choice("freeze", "router", (12.0, 14.0)),
        Choice("freeze", "monitor", (4.0, 12.0)),
        Choice("freeze", "kafka", (3.0, 6.0)),
        Choice("cut", "router", (4.0, 14.0)),
        Choice("cut", "gateway", (15.5, 18.0)),
        Choice("cut", "monitor", (3.0, 8.0)),
        Choice("add", "router"),
        Choice("remove", "router"),
    ),
    gap_s=(4.0, 8.0),
)
SHORT = Pace(
    choices=(
        Choice("kill", "router"),
        Choice("kill", "gateway"),
        Choice("kill", "monitor"),
        Choice("term", "router"),
        Choice("kill", "kafka"),
        Choice("kill", "postgres"),
    ),
    gap_s=(2.0, 3.0),
)


def schedule(seed: int, faults: int, pace: Pace = FULL) -> list[Planned]:
    """Every choice comes once before any comes again."""
    chance = random.Random(f"schedule/{seed}")
    planned: list[Planned] = []
    at_s, added = FIRST_AT_S, False
    for choice in _choices(chance, faults, pace.choices):
        if choice.kind in ("add", "remove"):
            fault = Fault("remove" if added else "add", f"router-{ADDED_ROUTER}")
            added = not added
        else:
            hold_s = round(chance.uniform(*choice.hold_s), 1)
            fault = Fault(choice.kind, chance.choice(ROLES[choice.role]), hold_s)
        planned.append(Planned(round(at_s, 1), fault))
        at_s += fault.hold_s + chance.uniform(*pace.gap_s)
    return planned


def load_s(planned: Sequence[Planned]) -> float:
    """How long the load lasts."""
    last = planned[-1] if planned else Planned(FIRST_AT_S, Fault("add", ""))
    return last.at_s + last.fault.hold_s + LOAD_AFTER_S


def _choices(chance: random.Random, count: int, choices: Sequence[Choice]) -> list[Choice]:
    drawn: list[Choice] = []
    while len(drawn) < count:
        drawn += chance.sample(choices, len(choices))
    return drawn[:count]
