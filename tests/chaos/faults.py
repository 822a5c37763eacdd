"""What may be done to a running Tallygate, as values."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "kill", "term", "freeze", "cut", "add", "remove", "read_only", "freeze_holder", "full", "clock", "odd_events"
]  # fmt: skip

ADDED_ROUTER = 2  # index of the router that comes and goes; routers 0 and 1 are always there
UPSTREAM = "upstream"  # target of odd events: nothing of ours is touched
_WORDS: dict[Kind, str] = {
    "kill": "kill -9 {target}",
    "term": "SIGTERM {target}",
    "freeze": "SIGSTOP {target} for {hold_s:.1f} s, then SIGCONT",
    "cut": "cut {target} off the broker for {hold_s:.1f} s",
    "add": "add {target}",
    "remove": "remove {target}",
    "read_only": "{target} is read-only for {hold_s:.1f} s",
    "freeze_holder": "kill -9 {target}, then SIGSTOP the monitor with the lease of recovery for {hold_s:.1f} s",
    "full": "the log directory of {target} is full for {hold_s:.1f} s",
    "clock": "the clock of {target} is moved by {shift} for {hold_s:.1f} s",
    "odd_events": "odd events from upstream",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """hold_s: how long what is not over at once lasts. shift: of a clock, as libfaketime writes it."""

    kind: Kind
    target: str
    hold_s: float = 0.0
    shift: str = ""

    def __str__(self) -> str:
        return _WORDS[self.kind].format(target=self.target, hold_s=self.hold_s, shift=self.shift)

    @property
    def on_router(self) -> bool:
        return self.target.startswith("router-")

    @property
    def on_membership(self) -> bool:
        return self.kind in ("add", "remove")

    @property
    def may_repeat_calls(self) -> bool:
        """Nobody can know of a router that died, stood still or was out of reach whether its calls were answered."""
        return self.on_router and self.kind in ("kill", "freeze", "cut", "freeze_holder")


def configured_name(router: str) -> str:
    """What a router is called in each of its lives (TALLYGATE_ROUTER_INSTANCE); its identity has a random part too."""
    return f"chaos-{router}"


@dataclass(frozen=True, slots=True)
class Planned:
    """at_s: from the start of the load."""

    at_s: float
    fault: Fault
