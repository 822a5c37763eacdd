"""What may be done to a running Tallygate, as values."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["kill", "term", "freeze", "cut", "add", "remove"]

ADDED_ROUTER = 2  # index of the router that comes and goes; routers 0 and 1 are always there
_WORDS: dict[Kind, str] = {
    "kill": "kill -9 {target}",
    "term": "SIGTERM {target}",
    "freeze": "SIGSTOP {target} for {hold_s:.1f} s, then SIGCONT",
    "cut": "cut {target} off the broker for {hold_s:.1f} s",
    "add": "add {target}",
    "remove": "remove {target}",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """hold_s: how long a freeze or a cut lasts."""

    kind: Kind
    target: str
    hold_s: float = 0.0

    def __str__(self) -> str:
        return _WORDS[self.kind].format(target=self.target, hold_s=self.hold_s)

    @property
    def on_router(self) -> bool:
        return self.target.startswith("router-")

    @property
    def on_membership(self) -> bool:
        return self.kind in ("add", "remove")

    @property
    def may_repeat_calls(self) -> bool:
        """Nobody can know of a router that died, stood still or was out of reach whether its calls were answered."""
        return self.on_router and self.kind in ("kill", "freeze", "cut")


@dataclass(frozen=True, slots=True)
class Planned:
    """at_s: from the start of the load."""

    at_s: float
    fault: Fault
