"""Pure: how routers share the calls that a model may have at a time, its `max_concurrency` (decision 0044)."""

from collections.abc import Sequence
from typing import NamedTuple


class Claimant(NamedTuple):
    """A router that calls a model, or wants to. held: places that it has. wanted: calls that it makes and that wait in
    it. waited_s: how long those have waited, since it began its last one."""

    router_id: str
    held: int
    wanted: int
    waited_s: float = 0.0


def entitled(limit: int, claimants: Sequence[Claimant]) -> dict[str, int]:
    """How many places each may have: what it wants, if that is no more than an even part. What nobody wants is divided
    evenly, to be at hand. Single places that are left go to who has waited longest: so one place goes round."""
    parts: dict[str, int] = {}
    left, by_wants = limit, sorted(claimants, key=lambda one: one.wanted)
    for place, one in enumerate(by_wants):
        even = left // (len(by_wants) - place)
        if one.wanted > even:  # and so do all that follow
            parts |= {each.router_id: even for each in by_wants[place:]}
            left -= even * (len(by_wants) - place)
            break
        parts[one.router_id] = one.wanted
        left -= one.wanted
    unsatisfied = [one for one in claimants if one.wanted > parts[one.router_id]]
    if not unsatisfied:
        for one in claimants:
            parts[one.router_id] += left // len(claimants)
        left %= max(1, len(claimants))
    first = sorted(unsatisfied or claimants, key=lambda one: (-one.waited_s, one.router_id))
    for one in first[:left]:
        parts[one.router_id] += 1
    return parts


class Share(NamedTuple):
    """held: places that a router has from now on. entitled: what it is to go back to as its calls end, or to come to
    have. others_act: it has let go of some that
    others want, or wants some that others have too many of."""

    held: int
    entitled: int
    others_act: bool


def share(limit: int, me: Claimant, floor: int, others: Sequence[Claimant]) -> Share:
    """floor: of the places that it has, those that it may use before it hears the answer. All that are held never come
    to more than the limit, unless the limit was lowered or a router was silent while it had calls."""
    parts = entitled(limit, (me, *others))
    free = limit - sum(one.held for one in others)
    held = max(floor, min(parts[me.router_id], free))
    lets_go = held < me.held and any(one.wanted > one.held for one in others)
    wants = me.wanted > held and any(one.held > parts[one.router_id] for one in others)
    return Share(held, parts[me.router_id], lets_go or wants)
