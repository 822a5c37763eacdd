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

    async def run(self, *readable: bool) -> None:
        """The keeper is given as many records, until it has done with them or has stopped."""
        publisher = Publisher(self.broker, "test")
        await publisher.start()
        for is_readable in readable:
            event = settled()
            body, headers = (event.encoded(), event.headers("test", None)) if is_readable else (b"garbage", [])
            await publisher.send_raw(OUTCOMES.name, body, None, headers, PLACE.partition)
        keeper = Keeper((OUTCOMES,), InferenceEvent, self._keep, publisher)
        events = self.broker.subscribe(keeper.topics, "group", keeper.on_batch, graceful_timeout_s=1.0, batch=100)
        keeper.start(await events.start())
        await asyncio.sleep(30.0)
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
