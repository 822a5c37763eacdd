"""What happens in one history, as a value: who runs, what is asked for, what goes wrong. Times are in seconds of the
history; `slot` is a process whatever life it is in."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal

from shared.errors import ErrorType
from shared.priorities import Priority
from tests.support.scripted_transport import Answer

Verb = Literal["produce", "commit", "fetch", "ask", "database"]
How = Literal["refused", "lost", "slow", "broken", "broken_lost", "fenced"]
Way = Literal["upstream", "gateway", "keyed", "background"]


@dataclass(frozen=True, slots=True)
class Request:
    """One inference. `answers`: how its calls end, in their order over all deliveries; the last one stays.

    way: published by an upstream service, or asked for at a gateway, with an Idempotency-Key or without, or in the
    background, where nobody waits. With a key it is asked for `times` times, `every_s` apart, at one gateway after the
    other. leaves_after_s: the caller hangs up.
    """

    name: str
    at_s: float
    deadline_s: float
    answers: tuple[Answer, ...]
    way: Way = "upstream"
    times: int = 1
    every_s: float = 0.0
    leaves_after_s: float | None = None
    priority: Priority = "normal"


@dataclass(frozen=True, slots=True)
class Kill:
    """kill -9, `steps` steps of its tasks after `at_s`; started anew after back_after_s."""

    slot: str
    at_s: float
    steps: int
    back_after_s: float


@dataclass(frozen=True, slots=True)
class Stop:
    """SIGTERM, and started anew."""

    slot: str
    at_s: float
    back_after_s: float


@dataclass(frozen=True, slots=True)
class Freeze:
    """It stands still, and goes on as if nothing had been."""

    slot: str
    at_s: float
    for_s: float


@dataclass(frozen=True, slots=True)
class Expel:
    """Its groups take it for dead."""

    slot: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """From at_s on, after `skip` operations of this kind, `count` of them fail.

    refused: nothing happens. lost: it happens, and the answer says that it may not have. slow: both ways take slow_s.
    broken, broken_lost: the same two with an error that the client does not try again by itself. fenced: a commit that
    the group refuses because it rebalances.
    """

    slot: str
    at_s: float
    verb: Verb
    how: How
    skip: int = 0
    count: int = 1
    slow_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Deaf:
    """It reads nothing and learns nothing of the broker; what it publishes gets through."""

    slot: str
    at_s: float
    for_s: float


@dataclass(frozen=True, slots=True)
class Away:
    """The broker or the database cannot be reached by anybody. Of a topic, by its name: what is published there waits,
    as while the broker that leads its partitions comes back."""

    what: str
    at_s: float
    for_s: float


@dataclass(frozen=True, slots=True)
class Clock:
    """From at_s on its wall clock is `ahead_s` ahead (behind when negative) and runs at `rate`."""

    slot: str
    at_s: float
    ahead_s: float
    rate: float = 1.0


@dataclass(frozen=True, slots=True)
class Again:
    """The request is published once more, as by a publisher that got no ack."""

    request: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Cancel:
    request: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Garbage:
    """Something that is no request comes on a topic of requests."""

    at_s: float
    priority: Priority = "normal"


OfOne = Kill | Stop | Freeze | Expel | Trouble | Deaf | Clock  # process
Fault = OfOne | Away | Again | Cancel | Garbage
Happening = Request | Fault


@dataclass(frozen=True, slots=True)
class History:
    """latency_s: what the broker and the database need for anything, at most."""

    seed: int
    routers: int
    monitors: int
    gateways: int
    requests: tuple[Request, ...]
    faults: tuple[Fault, ...]
    latency_s: float = 0.0

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        slow = f", up to {self.latency_s * 1000:.0f} ms for each answer" if self.latency_s else ""
        yield f"{self.routers} routers, {self.monitors} monitors, {self.gateways} gateways{slow}"
        for happening in sorted((*self.requests, *self.faults), key=lambda one: one.at_s):
            yield f"{happening.at_s:7.3f} s  {_told(happening)}"


def _told(happening: Happening) -> str:
    if isinstance(happening, Request):
        times = f", {happening.times} times, every {happening.every_s:.1f} s" if happening.times > 1 else ""
        times += f", leaves after {happening.leaves_after_s:.1f} s" if happening.leaves_after_s is not None else ""
        way = happening.way if happening.priority == "normal" else f"{happening.way}, {happening.priority}"
        answers = ", then ".join(_answer(answer) for answer in happening.answers)
        return f"{happening.name} is asked for ({way}{times}), deadline {happening.deadline_s:.1f} s: {answers}"
    said = [
        f"{field.name}={getattr(happening, field.name)}"
        for field in fields(happening)
        if field.name != "at_s" and getattr(happening, field.name) != field.default
    ]
    return f"{type(happening).__name__}({', '.join(said)})"


def _answer(answer: Answer) -> str:
    if answer.after_s is None:
        return "hangs"
    error: ErrorType | str = answer.error or "succeeds"
    return f"{error} after {answer.after_s:.2f} s"
