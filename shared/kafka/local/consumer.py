"""A reader of the broker in memory: by assignment, or as a member of a group."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import (
    ConsumerStoppedError,
    IllegalOperation,
    IllegalStateError,
    NoOffsetForPartitionError,
)

from shared.kafka.broker import Offsets, PlaceInTime, Reset
from shared.kafka.local.faults import Fetch
from shared.kafka.local.membership import Membership
from shared.kafka.local.process import Process

Records = dict[TopicPartition, list[ConsumerRecord]]


class LocalConsumer:
    def __init__(self, process: Process, reset: Reset, membership: Membership | None) -> None:
        self._process = process
        self._cluster = process.cluster
        self._reset = reset
        self._membership = membership
        # None: nobody has asked yet. The partitions that were served last come last.
        self._positions: dict[TopicPartition, int | None] = {}
        self._arrived = asyncio.Event()
        self._closed = False

    async def start(self) -> None:
        """A member has its partitions when this returns."""
        await self._process.pause(0)
        if self._membership is not None and self._membership.topics:
            await self._membership.join(self._give_to_member)

    async def stop(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._arrived.set()
        if self._membership is not None:
            await self._membership.leave()
        self._give(())

    # What it reads, and from where

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        if self._membership is not None and self._membership.topics:
            raise IllegalStateError("Subscription to topics and partitions are mutually exclusive")
        self._give(partitions)

    def assignment(self) -> set[TopicPartition]:
        return set(self._positions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._check_assigned(partition)
        self._positions[partition] = offset
        self._arrived.set()  # for whoever waits for records: some may be there now

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        await self._seek("seek_to_beginning", partitions, self._begin)

    async def seek_to_end(self, *partitions: TopicPartition) -> None:
        await self._seek("seek_to_end", partitions, self._end)

    async def position(self, partition: TopicPartition) -> int:
        """Raises IllegalStateError, NoOffsetForPartitionError."""
        self._check_assigned(partition)
        return self._position(partition)

    # What there is

    def highwater(self, partition: TopicPartition) -> int | None:
        self._check_assigned(partition)
        return self._end(partition)

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        places = list(partitions)
        return await self._process.ask("beginning_offsets", lambda: {place: self._begin(place) for place in places})

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        places = list(partitions)
        return await self._process.ask("end_offsets", lambda: {place: self._end(place) for place in places})

    async def offsets_for_times(
        self, timestamps: dict[TopicPartition, int]
    ) -> Mapping[TopicPartition, PlaceInTime | None]:
        return await self._process.ask(
            "offsets_for_times",
            lambda: {place: self._cluster.log(place).first_at(time_ms) for place, time_ms in timestamps.items()},
        )

    # Of its group

    async def committed(self, partition: TopicPartition) -> int | None:
        return await self._group().committed(partition)

    async def commit(self, offsets: Offsets) -> None:
        """Raises IllegalOperation, IllegalStateError, CommitFailedError, KafkaError."""
        membership = self._group()
        for place in offsets:
            self._check_assigned(place)
        await membership.commit(offsets)

    # Reading

    async def getone(self, *partitions: TopicPartition) -> ConsumerRecord:
        """Raises OffsetOutOfRangeError, ConsumerStoppedError."""
        while not (found := await self.poll(partitions, None, 1)):
            pass
        [[record]] = found.values()
        return record

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Records:
        """Raises OffsetOutOfRangeError, ConsumerStoppedError."""
        return await self.poll(partitions, timeout_ms / 1000, max_records)

    async def poll(self, partitions: Iterable[TopicPartition], timeout_s: float | None, most: int | None) -> Records:
        """What there is, or comes in time."""
        wanted = set(partitions)
        while not await self._is_there(wanted):
            if timeout_s == 0 or not await self._comes(timeout_s):
                return {}
        return await self._fetch(wanted, most)

    async def _is_there(self, wanted: set[TopicPartition]) -> bool:
        if self._closed:
            raise ConsumerStoppedError
        await self._settle()
        self._arrived.clear()
        return any(self._next(place) != self._end(place) for place in self._readable(wanted))

    async def _comes(self, timeout_s: float | None) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._arrived.wait()
        except TimeoutError:
            return False
        return True

    async def _fetch(self, wanted: set[TopicPartition], most: int | None) -> Records:
        group = None if self._membership is None else self._membership.group
        fault = self._process.fault_of(Fetch(self._process.name, group, tuple(self._readable(wanted))))
        await self._process.pause(fault.before_s)
        if fault.error is not None:
            raise fault.error
        await self._settle()
        found = self._take(wanted, most)
        if fault.after_s:  # whoever is cancelled then has lost what was found: so only where a fault asks for it
            await self._process.pause(fault.after_s)
        return found

    def _take(self, wanted: set[TopicPartition], most: int | None) -> Records:
        found: Records = {}
        left = most
        for place in self._readable(wanted):
            if left == 0:
                break
            if records := self._cluster.log(place).read(self._next(place), left):
                found[place] = records
                left = None if left is None else left - len(records)
        for place, records in found.items():
            del self._positions[place]
            self._positions[place] = records[-1].offset + 1
        return found

    async def _settle(self) -> None:
        """During a rebalance nothing is read: what is read then may be another member's."""
        if self._membership is not None:
            await self._membership.settled.wait()

    def _readable(self, wanted: set[TopicPartition]) -> list[TopicPartition]:
        return [place for place in self._positions if not wanted or place in wanted]

    def _next(self, place: TopicPartition) -> int:
        """Where to read. A position outside of what is kept is reset; with reset "none", `read` refuses it."""
        position = self._position(place)
        if not self._cluster.log(place).holds(position) and self._reset != "none":
            self._positions[place] = position = self._reset_to(place)
        return position

    def _position(self, place: TopicPartition) -> int:
        position = self._positions[place]
        if position is None and self._membership is not None:
            position = self._membership.offset(place)
        if position is None:
            position = self._reset_to(place)
        self._positions[place] = position
        return position

    def _reset_to(self, place: TopicPartition) -> int:
        if self._reset == "none":
            raise NoOffsetForPartitionError(str(place))
        return self._begin(place) if self._reset == "earliest" else self._end(place)

    def _begin(self, place: TopicPartition) -> int:
        return self._cluster.log(place).begin

    def _end(self, place: TopicPartition) -> int:
        return self._cluster.log(place).end

    def _group(self) -> Membership:
        if self._membership is None:
            raise IllegalOperation("Requires group_id")
        return self._membership

    def _check_assigned(self, partition: TopicPartition) -> None:
        if partition not in self._positions:
            raise IllegalStateError(f"Partition {partition} is not assigned")

    def _give_to_member(self, partitions: Iterable[TopicPartition]) -> None:
        self._give(sorted(partitions))
        for place in self._positions:  # where the group stands now: what is committed later is this member's own
            self._position(place)

    def _give(self, partitions: Iterable[TopicPartition]) -> None:
        for place in self._positions:
            self._cluster.log(place).wake_no_more(self._arrived)
        self._positions = dict.fromkeys(partitions)
        for place in self._positions:
            self._cluster.log(place).wake(self._arrived)
        self._arrived.set()

    async def _seek(
        self, verb: str, partitions: Iterable[TopicPartition], offset: Callable[[TopicPartition], int]
    ) -> None:
        places = list(partitions) or list(self._positions)
        for place in places:
            self._check_assigned(place)
        found = await self._process.ask(verb, lambda: {place: offset(place) for place in places})
        for place, position in found.items():
            self.seek(place, position)
