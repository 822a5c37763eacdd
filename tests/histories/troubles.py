"""What becomes of what processes ask of the broker and the database, while something is wrong with these."""

import asyncio
import random
from dataclasses import dataclass

from aiokafka.errors import RebalanceInProgressError, UnknownError

from shared.kafka.local import Ask, Commit, Fault, Fetch, Operation, Produce, late, lost, refused
from tests.histories.history import Away, Deaf, Trouble, Verb

_VERBS: dict[type, Verb] = {Produce: "produce", Commit: "commit", Fetch: "fetch", Ask: "ask"}
_REFUSED = Trouble("", 0.0, "database", "refused")


@dataclass(slots=True)
class _Troubled:
    trouble: Trouble
    skip: int
    left: int


class Troubles:
    """latency_s: what the broker and the database need for anything, at most."""

    def __init__(self, latency_s: float, chance: random.Random) -> None:
        self._loop = asyncio.get_running_loop()
        self._latency_s = latency_s
        self._chance = chance
        self._troubles: dict[str, list[_Troubled]] = {}
        self._away_until: dict[str, float] = {}
        self._deaf_until: dict[str, float] = {}

    def away(self, fault: Away) -> None:
        self._away_until[fault.what] = fault.at_s + fault.for_s

    def deaf(self, process: str, fault: Deaf) -> None:
        self._deaf_until[process] = fault.at_s + fault.for_s

    def begin(self, process: str, trouble: Trouble) -> None:
        self._troubles.setdefault(process, []).append(_Troubled(trouble, trouble.skip, trouble.count))

    def of_broker(self, operation: Operation) -> Fault | None:
        verb = _VERBS[type(operation)]
        if self._away_for("broker") > 0.0:
            return refused()
        if self._loop.time() < self._deaf_until.get(operation.process, -1.0) and verb in {"fetch", "ask"}:
            return refused()
        if isinstance(operation, Produce) and (wait_s := self._away_for(operation.partition.topic)) > 0.0:
            return late(wait_s, self.latency())
        if (trouble := self._next_of(operation.process, verb)) is not None:
            return _kafka_fault(trouble)
        if self._latency_s:
            return late(self.latency(), 0.0 if verb == "fetch" else self.latency())
        return None

    def of_database(self, process: str) -> Trouble | None:
        if self._away_for("database") > 0.0:
            return _REFUSED
        return self._next_of(process, "database")

    def latency(self) -> float:
        return self._chance.random() * self._latency_s if self._latency_s else 0.0

    def _away_for(self, what: str) -> float:
        return self._away_until.get(what, 0.0) - self._loop.time()

    def _next_of(self, process: str, verb: Verb) -> Trouble | None:
        for troubled in self._troubles.get(process, ()):
            trouble = troubled.trouble
            if trouble.verb != verb or troubled.left == 0:
                continue
            if troubled.skip:
                troubled.skip -= 1
                continue
            troubled.left -= 1
            return trouble
        return None


def _kafka_fault(trouble: Trouble) -> Fault:
    match trouble.how:
        case "refused":
            return refused()
        case "lost":
            return lost()
        case "slow":
            return late(trouble.slow_s, 0.0 if trouble.verb == "fetch" else trouble.slow_s)
        case "broken":
            return refused(UnknownError())
        case "broken_lost":
            return lost(UnknownError())
        case "fenced":
            return refused(RebalanceInProgressError())
