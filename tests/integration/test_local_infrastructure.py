"""The embedded broker and database are real: they keep what they acknowledged over kill -9 and over a restart."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.failure import LocalRunError
from deploy.local.progress import say
from deploy.local.stack import Stack

pytestmark = pytest.mark.timeout(300)

TOPIC = "kept"


def test_broker_and_database_keep_what_they_acknowledged(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "home", _environment(), services=[])
    with timed("first start"):
        stack.up()
    try:
        asyncio.run(_create(stack))
        asyncio.run(_write(stack, "before the kill"))
        for program in ("kafka", "postgres"):
            with timed(f"kill -9 {program} until ready"):
                _kill(stack, program)
        asyncio.run(_expect(stack, ["before the kill"]))
        asyncio.run(_write(stack, "after the kill"))
        with timed("stop"):
            stack.down()
        with timed("second start"):
            stack.up()
        asyncio.run(_expect(stack, ["before the kill", "after the kill"]))
        stack.down()
        assert stack.status() == []
    finally:
        stack.remove()


def test_a_second_run_is_refused_unless_the_first_was_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then what it has left behind is cleared away."""
    environment = _environment() | {"TALLYGATE_BROKER": "tansu"}
    first, second = (Stack(tmp_path / "home", environment, services=[]) for _ in range(2))
    first.up()
    try:
        with pytest.raises(LocalRunError, match=r"already running in .*make stop"):
            second.up()
        assert all(program.pid for program in first.status())
        old_pid = first.pid("postgres")

        first._release()  # what the kernel does with the lock of a process that was killed
        second.up()

        assert "was killed and left processes behind" in capsys.readouterr().err
        assert second.pid("postgres") != old_pid
    finally:
        second.remove()
        first.down()


def _environment() -> dict[str, str]:
    ours = ("TALLYGATE_", "KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {name: os.environ[name] for name in ("TALLYGATE_CACHE",) if name in os.environ}


def _kill(stack: Stack, program: str) -> None:
    old_pid = stack.pid(program)
    stack.signal_program(program, signal.SIGKILL)
    _until(lambda: stack.pid(program) not in (0, old_pid))
    stack.wait_ready(program)


def _until(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.05)


@contextmanager
def timed(what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - started:.2f} s")


async def _create(stack: Stack) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.environment()["KAFKA_BOOTSTRAP_SERVERS"])
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()
    async with _database(stack) as connection:
        await connection.execute(f"CREATE TABLE {TOPIC} (id serial, word text)")


async def _write(stack: Stack, word: str) -> None:
    bootstrap = stack.environment()["KAFKA_BOOTSTRAP_SERVERS"]
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        await producer.send_and_wait(TOPIC, word.encode())
    async with _database(stack) as connection:
        await connection.execute(f"INSERT INTO {TOPIC} (word) VALUES ($1)", word)  # noqa: S608 - a constant


async def _expect(stack: Stack, words: list[str]) -> None:
    assert await _consume(stack, len(words)) == words
    async with _database(stack) as connection:
        rows = await connection.fetch(f"SELECT word FROM {TOPIC} ORDER BY id")  # noqa: S608 - a constant
    assert [row["word"] for row in rows] == words


async def _consume(stack: Stack, count: int) -> list[str]:
    partition = TopicPartition(TOPIC, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.environment()["KAFKA_BOOTSTRAP_SERVERS"])
    await consumer.start()
    try:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        assert (await consumer.end_offsets([partition]))[partition] == count
        async with asyncio.timeout(30):
            return [(await consumer.getone()).value.decode() for _ in range(count)]
    finally:
        await consumer.stop()


@asynccontextmanager
async def _database(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.environment()["DATABASE_URL"])
    try:
        yield connection
    finally:
        await connection.close()
