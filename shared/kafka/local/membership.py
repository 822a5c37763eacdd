"""A consumer's side of its group: it joins, is given partitions, commits, and joins again when it is called."""

import asyncio
import inspect
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from shared.kafka.broker import Offsets
from shared.kafka.local.faults import Commit
from shared.kafka.local.groups import NO_GENERATION, Group, Member
from shared.kafka.local.process import Process

logger = structlog.get_logger(__name__)

_RETRY_S = 0.1  # aiokafka's retry_backoff_ms

Partitions = set[TopicPartition]


class Membership:
    """Without topics it joins nothing, and commits only for a group that has no members."""

    def __init__(
        self,
        process: Process,
        group: Group,
        topics: frozenset[str] = frozenset(),
        listener: ConsumerRebalanceListener | None = None,
    ) -> None:
        self.topics = topics
        self._process = process
        self._group = group
        self._listener = listener
        self._member: Member | None = None
        self.settled = asyncio.Event()  # no rebalance is going on
        self._called = asyncio.Event()  # to join again
        self._committing = asyncio.Lock()
        self._coordination: asyncio.Task[None] | None = None
        self._leaving = False
        if not topics:
            self.settled.set()

    @property
    def group(self) -> str:
        return self._group.name

    async def join(self, give: Callable[[Partitions], None]) -> None:
        """Returns when it has partitions, or knows that there are none for it. `give` is called with those of each
        generation, in place of those before."""
        self._coordination = self._process.run(self._coordinate(give))
        await self.settled.wait()

    async def leave(self) -> None:
        """A rebalance that is going on is gone through; then the others get its partitions without waiting."""
        self._leaving = True
        self._called.set()
        if self._coordination is not None:
            await asyncio.wait({self._coordination})
        await self._process.pause(0)
        if self._member is not None:
            self._group.leave(self._member)

    def fall_silent(self) -> None:
        if self._member is not None:
            self._group.silence(self._member)

    def speak_again(self) -> None:
        if self._member is not None:
            self._group.hear(self._member)

    def lose_session(self) -> None:
        if self._member is not None:
            self._group.expel(self._member)

    def offset(self, place: TopicPartition) -> int | None:
        return self._group.offsets.get(place)

    async def committed(self, place: TopicPartition) -> int | None:
        return await self._process.ask("committed", lambda: self.offset(place))

    async def commit(self, offsets: Offsets) -> None:
        """Raises CommitFailedError when the group has moved on, or another KafkaError that is not retriable."""
        while True:
            try:
                async with self._committing:
                    await asyncio.shield(self._process.send(self._send(offsets)))
            except (UnknownMemberIdError, IllegalGenerationError, RebalanceInProgressError) as error:
                self._join_again(error)
                raise CommitFailedError("the group has moved on") from error
            except KafkaError as error:
                if not error.retriable:
                    raise
                await self._process.pause(_RETRY_S)
            else:
                return

    async def _send(self, offsets: Offsets) -> None:
        member = self._member
        generation = NO_GENERATION if member is None else member.generation
        effect = partial(self._group.commit, member, generation, dict(offsets))
        await self._process.perform(Commit(self._process.name, self._group.name, offsets), effect)

    def _join_again(self, error: KafkaError) -> None:
        if not isinstance(error, RebalanceInProgressError):
            self.fall_silent()
            self._member = None
        self._called.set()

    async def _coordinate(self, give: Callable[[Partitions], None]) -> None:
        """Eager: all that was assigned is given up before each join."""
        previous: Partitions = set()
        while not self._leaving:
            self.settled.clear()
            await self._tell("on_partitions_revoked", previous)
            partitions = await self._join()
            self._called.clear()
            give(partitions)
            self.settled.set()
            await self._tell("on_partitions_assigned", partitions)
            previous = partitions
            if not self._leaving:
                await self._called.wait()

    async def _join(self) -> Partitions:
        while True:
            if self._member is None or not self._group.knows(self._member):
                self._member = self._group.new_member(self.topics, self._called.set)
            with suppress(UnknownMemberIdError):
                return await self._group.join(self._member)

    async def _tell(self, callback: str, partitions: Partitions) -> None:
        """What a listener raises is logged and changes nothing, as with aiokafka."""
        if self._listener is None:
            return
        try:
            told = getattr(self._listener, callback)(partitions)
            if inspect.isawaitable(told):
                await told
        except Exception:
            logger.exception("listener.failed", callback=callback)
