"""Events are kept before they are committed, and one that cannot be kept holds up no other."""

import asyncio
from collections.abc import Collection, Sequence

import asyncpg
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from structlog.testing import capture_logs

from shared.events import InferenceEvent
from shared.events.topics import OUTCOMES
from shared.kafka.keeper import Heard, Keeper
from shared.kafka.local import LocalBroker
from shared.kafka.publisher import Publisher
from shared.kafka.settings import KafkaSettings
from tests.support.memory.read_offsets import MemoryReadOffsets
from tests.support.virtual_time import run_virtually
from tests.unit.shared.events.samples import settled

PLACE = TopicPartition(OUTCOMES.name, 3)


class Bench:
    """A keeper in a group, and a database that refuses the records of some offsets, with all that come in one
    transaction with them."""

    def __init__(
        self, *, refuses: Collection[int] = (), error: Exception | None = None, away: int = 0, most: int = 0
    ) -> None:
        settings = KafkaSettings.model_construct(bootstrap_servers="local", dead_letters_per_minute=most)
        self.broker = LocalBroker(settings=settings)
        self.kept: list[int] = []
        self.committed_before: list[int | None] = []
        self._refuses = refuses
        self._error = error
        self._away = away
        self.offsets = MemoryReadOffsets()
        self.asked_at: list[float] = []  # what the group has committed of the partition

    async def run(self, *readable: bool) -> None:
        """The keeper is given as many records, until it has done with them or has stopped."""
        publisher = Publisher(self.broker, "test")
        await publisher.start()
        for is_readable in readable:
            event = settled()
            body, headers = (event.encoded(), event.headers("test", None)) if is_readable else (b"garbage", [])
            await publisher.send_raw(OUTCOMES.name, body, None, headers, PLACE.partition)
        keeper = Keeper((OUTCOMES,), InferenceEvent, self._keep, publisher, self.offsets)
        events = self.broker.subscribe(keeper.topics, "group", keeper.on_batch, graceful_timeout_s=1.0, batch=100)
        member = await events.start()
        committed = member.committed

        async def noted(place: TopicPartition) -> int | None:
            if place == PLACE:
                self.asked_at.append(asyncio.get_running_loop().time())
            return await committed(place)

        member.committed = noted  # type: ignore[method-assign, assignment]
        keeper.start(member)
        watch = keeper.watch()
        await watch.start()
        await asyncio.sleep(30.0)
        await watch.stop()
        await events.stop()

    @property
    def committed(self) -> int | None:
        return self.broker.cluster.group("group").offsets.get(PLACE)

    @property
    def dead_letters(self) -> Sequence[ConsumerRecord]:
        return self.broker.cluster.records(OUTCOMES.dlq)

    async def _keep(self, heard: Sequence[Heard[InferenceEvent]]) -> None:
        self._away -= 1
        if self._away >= 0:
            raise self._error or ConnectionRefusedError()
        offsets = [message.record.offset for message in heard]
        if not set(offsets).isdisjoint(self._refuses):
            raise self._error or ValueError("refused")
        self.kept += offsets
        self.committed_before.append(self.committed)


def test_a_batch_is_kept_and_then_committed() -> None:
    bench = Bench()

    run_virtually(bench.run(True, True))

    assert (bench.kept, bench.committed_before, bench.committed) == ([0, 1], [None], 2)


def test_what_is_refused_or_unreadable_is_a_dead_letter_and_the_others_are_kept() -> None:
    bench = Bench(refuses=(1,))

    run_virtually(bench.run(True, True, False, True))

    assert (bench.kept, bench.committed) == ([0, 3], 4)
    refused = bench.broker.cluster.records(OUTCOMES.name)[1]
    assert [letter.value for letter in bench.dead_letters] == [b"garbage", refused.value]


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        asyncpg.ReadOnlySQLTransactionError("demoted"),
        asyncpg.DiskFullError("full"),
        asyncpg.UndefinedColumnError("new code before its migration"),
        asyncpg.InsufficientPrivilegeError("revoked"),
        asyncpg.QueryCanceledError("statement timeout"),
        asyncpg.LockNotAvailableError("lock timeout"),
        asyncpg.InternalServerError("nobody foresaw"),
        KeyError("nobody foresaw"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_not_wrong_with_the_event_is_waited_for(error: Exception) -> None:
    bench = Bench(away=8, error=error)

    run_virtually(bench.run(True, True))

    assert (bench.kept, bench.dead_letters, bench.committed) == ([0, 1], [], 2)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UntranslatableCharacterError("\\u0000"),
        asyncpg.CharacterNotInRepertoireError("bytes"),
        asyncpg.NumericValueOutOfRangeError("2**63"),
        asyncpg.NotNullViolationError("null"),
        asyncpg.DataError("invalid input for query argument"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        TypeError("not JSON"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_wrong_with_one_event_is_a_dead_letter_and_the_others_are_kept(error: Exception) -> None:
    bench = Bench(refuses=(1,), error=error)

    run_virtually(bench.run(True, True, True))

    assert (bench.kept, len(bench.dead_letters), bench.committed) == ([0, 2], 1, 3)


def test_what_nobody_foresaw_is_logged_with_its_traceback_once_in_a_while() -> None:
    bench = Bench(away=58, error=KeyError("x"))

    with capture_logs() as logged:
        run_virtually(bench.run(True))

    assert [entry["event"] for entry in logged].count("events.waiting") == 58
    assert [entry["event"] for entry in logged].count("events.held_up") == 1


@pytest.mark.parametrize("refused_by", ["decoder", "database"])
def test_what_came_before_the_limit_is_committed_and_the_process_stops(refused_by: str) -> None:
    bench = Bench(refuses=range(100), most=2)

    run_virtually(bench.run(*[refused_by == "database"] * 5))

    assert (len(bench.dead_letters), bench.committed, bench.broker.stopped) == (2, 2, True)


def test_what_came_before_a_restart_counts_towards_the_limit() -> None:
    bench = Bench(most=1)
    run_virtually(bench.run(False))

    run_virtually(bench.run(False))

    assert (len(bench.dead_letters), bench.committed) == (1, 1)


class WriteNothing(Bench):
    """The server can write nothing until it has been asked eight times for something else, and says of each event that
    it is too large. PostgreSQL does so when it has no transaction numbers left."""

    async def _keep(self, heard: Sequence[Heard[InferenceEvent]]) -> None:
        if self.offsets.away > 0:
            raise asyncpg.ProgramLimitExceededError("no new transaction IDs")
        await super()._keep(heard)


def test_an_event_that_the_server_refuses_while_it_can_write_nothing_is_waited_for() -> None:
    bench = WriteNothing()
    bench.offsets.away = 8

    run_virtually(bench.run(True))

    assert (bench.kept, bench.dead_letters, bench.committed) == ([0], [], 1)


def test_what_the_database_does_not_have_any_more_is_read_again() -> None:
    """It was restored to an older state while nothing came; the group had committed everything."""
    bench = Bench()
    run_virtually(bench.run(True, True, True))
    bench.offsets.rows[PLACE] = 1

    run_virtually(bench.run())

    assert bench.kept == [0, 1, 2, 1, 2]
    assert (bench.committed, bench.offsets.rows[PLACE]) == (3, 3)


def test_what_comes_next_shows_that_the_database_has_gone_back_and_nothing_is_left_out() -> None:
    """Events go on coming: the first of them finds out, before its own offset could hide what is missing."""
    bench = Bench()
    run_virtually(bench.run(True, True))
    bench.offsets.rows[PLACE] = 0

    run_virtually(bench.run(True))

    assert set(bench.kept) == {0, 1, 2}
    assert bench.kept[-3:] == [0, 1, 2]
    assert bench.committed == 3


def test_what_retention_has_taken_is_not_read_again_for_ever() -> None:
    bench = Bench()
    run_virtually(bench.run(True, True, True))
    bench.broker.cluster.log(PLACE).drop_before(2)
    bench.offsets.rows[PLACE] = 0

    with capture_logs() as logged:
        run_virtually(bench.run(True))

    assert bench.kept[-2:] == [2, 3]
    assert [entry["event"] for entry in logged].count("events.read_again") <= 2


def test_an_offset_never_moves_back() -> None:
    """A member that has lost the partition, and has not noticed, writes what it has read."""
    offsets = MemoryReadOffsets()
    run_virtually(offsets.advance({PLACE: range(9)}))

    run_virtually(offsets.advance({PLACE: range(3, 5)}))

    assert offsets.rows[PLACE] == 9


def test_what_is_committed_is_asked_once_while_the_partitions_stay() -> None:
    bench = Bench()
    run_virtually(bench.run(True))
    assert bench.committed == 1
    assert len(bench.asked_at) == 1, "it knows its own commits, and looks every 5 s for 30 s"
