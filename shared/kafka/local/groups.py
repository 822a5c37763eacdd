"""The coordinator of one group: who is a member, which partitions are whose, and what is committed.

It follows the classic protocol with eager rebalances, as aiokafka speaks it. Heartbeats are reckoned, not sent: a
member learns at its next one that it must join again, and one that is silent is expelled when its session ends.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import cycle

from aiokafka import TopicPartition
from aiokafka.errors import IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError

from shared.kafka.broker import Offsets

NO_GENERATION = -1


@dataclass(frozen=True, slots=True)
class GroupTimings:
    """As `shared/kafka/subscriber.py` sets them, and aiokafka's default between two heartbeats."""

    heartbeat_s: float = 3.0
    session_timeout_s: float = 10.0
    rebalance_timeout_s: float = 6.0


class Member:
    """A consumer as the coordinator knows it. `call` asks it to join again."""

    def __init__(self, name: str, topics: frozenset[str], call: Callable[[], None]) -> None:
        self.name = name
        self.topics = topics
        self.call = call
        self.generation = NO_GENERATION
        self.joining: asyncio.Future[set[TopicPartition]] | None = None
        self.synced = False  # it has taken up what the current generation gave it
        self.joined_at = 0.0  # its heartbeats are reckoned from here
        self.silent = False
        self.session: asyncio.TimerHandle | None = None


class Group:
    def __init__(
        self, name: str, timings: GroupTimings, partitions_of: Callable[[str], Iterable[TopicPartition]]
    ) -> None:
        self.name = name
        self.offsets: dict[TopicPartition, int] = {}
        self.generation = 0
        self._timings = timings
        self._partitions_of = partitions_of
        self._members: dict[str, Member] = {}
        self._rebalance: asyncio.TimerHandle | None = None  # while members are awaited
        self._names = 0

    def new_member(self, topics: frozenset[str], call: Callable[[], None]) -> Member:
        self._names += 1
        return Member(f"{self.name}-{self._names:04}", topics, call)

    def knows(self, member: Member) -> bool:
        return self._members.get(member.name) is member

    async def join(self, member: Member) -> set[TopicPartition]:
        """Returns the member's partitions when every other member has joined too, or has been expelled because it
        took longer than the rebalance timeout. Raises UnknownMemberIdError when this one was expelled meanwhile."""
        self._members[member.name] = member
        joining: asyncio.Future[set[TopicPartition]] = asyncio.get_running_loop().create_future()
        member.joining = joining
        if self._rebalance is None:
            self._begin_rebalance()
        self._complete_when_all_have_joined()
        partitions = await joining
        member.synced = True
        return partitions

    def leave(self, member: Member) -> None:
        if self.knows(member):
            self._remove(member)

    def silence(self, member: Member) -> None:
        """Its heartbeats come no more: it keeps its partitions until its session ends."""
        if not self.knows(member) or member.silent:
            return
        member.silent = True
        loop = asyncio.get_running_loop()
        heard = loop.time() - (loop.time() - member.joined_at) % self._timings.heartbeat_s
        member.session = loop.call_at(heard + self._timings.session_timeout_s, self.leave, member)

    def hear(self, member: Member) -> None:
        """After a silence its heartbeats come again: by them it learns whether its session has ended meanwhile, or
        others wait for it to join."""
        member.silent = False
        if member.session is not None:
            member.session.cancel()
            member.session = None
        if not self.knows(member) or (self._rebalance is not None and member.joining is None):
            self._call_at_next_heartbeat(member)

    def expel(self, member: Member) -> None:
        """Its session ends now, though it lives: it hears of that at its next heartbeat."""
        if self.knows(member) and member.joining is None:  # whoever waits to join has been heard
            self._remove(member)
            self._call_at_next_heartbeat(member)

    def commit(self, member: Member | None, generation: int, offsets: Offsets) -> None:
        """Raises UnknownMemberIdError, IllegalGenerationError, RebalanceInProgressError. Without a member: for a
        group that has none."""
        if member is None:
            if self._members:
                raise UnknownMemberIdError(self.name)
        elif not self.knows(member):
            raise UnknownMemberIdError(self.name)
        elif generation != self.generation:
            raise IllegalGenerationError(self.name)
        elif not member.synced:
            raise RebalanceInProgressError(self.name)
        self.offsets.update(offsets)

    def _begin_rebalance(self) -> None:
        loop = asyncio.get_running_loop()
        self._rebalance = loop.call_later(self._timings.rebalance_timeout_s, self._complete)
        for member in self._members.values():
            if member.joining is None:
                self._call_at_next_heartbeat(member)

    def _call_at_next_heartbeat(self, member: Member) -> None:
        if member.silent:
            return
        loop = asyncio.get_running_loop()
        since = (loop.time() - member.joined_at) % self._timings.heartbeat_s
        loop.call_later(self._timings.heartbeat_s - since, member.call)

    def _complete_when_all_have_joined(self) -> None:
        if self._rebalance is not None and all(member.joining for member in self._members.values()):
            self._complete()

    def _complete(self) -> None:
        if self._rebalance is not None:
            self._rebalance.cancel()
            self._rebalance = None
        for member in [member for member in self._members.values() if member.joining is None]:
            del self._members[member.name]
            self._call_at_next_heartbeat(member)
        self.generation += 1
        shares = self._shares()
        now = asyncio.get_running_loop().time()
        for member in self._members.values():
            member.generation, member.joined_at, member.synced = self.generation, now, False
            if member.joining is not None and not member.joining.done():
                member.joining.set_result(shares[member.name])
            member.joining = None

    def _shares(self) -> dict[str, set[TopicPartition]]:
        """Round robin over the members in the order of their names, as aiokafka's default assignor does it."""
        shares: dict[str, set[TopicPartition]] = defaultdict(set)
        topics = {topic for member in self._members.values() for topic in member.topics}
        turns = cycle(sorted(self._members))
        for place in sorted(place for topic in topics for place in self._partitions_of(topic)):
            name = next(name for name in turns if place.topic in self._members[name].topics)
            shares[name].add(place)
        return shares

    def _remove(self, member: Member) -> None:
        del self._members[member.name]
        if member.joining is not None and not member.joining.done():
            member.joining.set_exception(UnknownMemberIdError(self.name))
            member.joining.exception()  # the dead do not ask
        if member.session is not None:
            member.session.cancel()
        if not self._members:
            self._end_rebalance()
        elif self._rebalance is None:
            self._begin_rebalance()
        else:
            self._complete_when_all_have_joined()

    def _end_rebalance(self) -> None:
        if self._rebalance is not None:
            self._rebalance.cancel()
            self._rebalance = None
