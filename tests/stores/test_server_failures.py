"""Whatever is wrong with a real database: events wait for it, none becomes a dead letter, and then all are booked."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr
from structlog.testing import capture_logs

from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from shared.db import DatabaseSettings, connect_pool
from shared.db.pool import Pool
from shared.db.store import ReadOffsets
from shared.errors import ConfigurationError, failure
from shared.events import AttemptEnded, InferenceEvent, new_id
from shared.events.topics import OUTCOMES
from shared.kafka import TopicPartition
from shared.kafka.keeper import Heard, Keeper
from shared.kafka.local import LocalBroker
from shared.kafka.publisher import Outgoing, Publisher
from shared.kafka.settings import KafkaSettings
from tests.support.postgres import Postgres, running_server
from tests.unit.shared.events.samples import NOW, ended

pytestmark = [pytest.mark.real_postgres, pytest.mark.timeout(60)]

COMES_BACK_WITHIN_S = 30.0
EVENTS = 20
SMALL_BYTES = 4 * 1024 * 1024

Fault = Callable[["Bench"], AbstractAsyncContextManager[None]]
Spoil = Callable[[AttemptEnded], AttemptEnded]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with running_server(tmp_path_factory.mktemp("failing")) as server:
        yield server


class Bench:
    """Books that are kept in the database by a role like a service's; `admin` may do everything."""

    def __init__(self, server: Postgres, admin: asyncpg.Connection, pool: Pool, small: Path | None) -> None:
        self.server, self.admin, self.small = server, admin, small
        self._pool = pool
        self.broker = LocalBroker(settings=KafkaSettings.model_construct(bootstrap_servers="local"))
        self.publisher = Publisher(self.broker, "test")
        self.spoiled: dict[UUID, Spoil] = {}  # by attempt
        offsets = ReadOffsets(pool, "monitor")
        self.keeper = Keeper((OUTCOMES,), InferenceEvent, self._keep, self.publisher, offsets)
        self._group = f"g-{new_id()}"  # its topic begins anew, so nothing of other tests may be known of it

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.admin.execute("TRUNCATE monitor.read_offsets")
        await self.publisher.start()
        events = self.broker.subscribe((OUTCOMES,), self._group, self.keeper.on_batch, graceful_timeout_s=1, batch=500)
        self.keeper.start(await events.start())
        try:
            yield
        finally:
            await events.stop()

    async def publish(self, count: int = EVENTS) -> list[AttemptEnded]:
        told = failure("server_error", os.urandom(2000).hex())  # pages are needed for it
        made = [ended(attempt_id=new_id(), event_id=new_id(), outcome="failed", error=told) for _ in range(count)]
        await self.publisher.publish(*(Outgoing(OUTCOMES, event) for event in made))
        return made

    async def booked(self, events: Sequence[AttemptEnded]) -> int:
        ids = [event.attempt_id for event in events]
        return int(await self.admin.fetchval("SELECT count(*) FROM monitor.attempts WHERE attempt_id = ANY($1)", ids))

    @property
    def dead_letters(self) -> int:
        return len(self.broker.cluster.records(OUTCOMES.dlq))

    @property
    def committed(self) -> int:
        return sum(self.broker.cluster.group(self._group).offsets.values())

    async def until_booked(self, events: Sequence[AttemptEnded]) -> None:
        async with asyncio.timeout(COMES_BACK_WITHIN_S):
            while await self.booked(events) < len(events) or self.committed < len(events):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def _keep(self, heard: Sequence[Heard[InferenceEvent]]) -> None:
        events = [message.event for message in heard]
        spoiled = [
            self.spoiled[event.attempt_id](event)
            if isinstance(event, AttemptEnded) and event.attempt_id in self.spoiled
            else event
            for event in events
        ]
        await BookStore(self._pool).book(fold(spoiled), NOW)


@pytest.fixture(scope="module")
def small_disk(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """A file system of a few megabytes for a tablespace; None where this user may not mount one."""
    folder = Path("/var/lib/tallygate") / f"small-{os.getpid()}"
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_BYTES},mode=777", "tmpfs", str(folder)]
    if os.geteuid() != 0:
        yield None
        return
    folder.mkdir(parents=True)
    try:
        if subprocess.run(command, capture_output=True, check=False).returncode:
            yield None
            return
        (folder / "data").mkdir()
        server.place(folder / "data")
        yield folder
        server.stop()
        subprocess.run(["umount", str(folder)], check=True)
    finally:
        folder.rmdir()


@pytest_asyncio.fixture
async def bench(server: Postgres, small_disk: Path | None) -> AsyncIterator[Bench]:
    admin = await asyncpg.connect(server.url)
    await admin.execute("""
        DO $$ BEGIN CREATE ROLE service LOGIN PASSWORD 'service'; EXCEPTION WHEN duplicate_object THEN END $$;
        GRANT USAGE ON SCHEMA monitor TO service; GRANT ALL ON ALL TABLES IN SCHEMA monitor TO service;
    """)
    url = f"postgresql://service:service@127.0.0.1:{server.port}/tallygate"
    pool = await connect_pool(DatabaseSettings(database_url=SecretStr(url), database_timeout_s=2.0))
    bench = Bench(server, admin, pool, small_disk)
    with capture_logs():
        async with bench.running():
            yield bench
    await pool.close()
    await bench.admin.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(COMES_BACK_WITHIN_S):
        while not holds():  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.02)


# Faults: from the beginning to the end of each, nothing can be booked.


async def reload(admin: asyncpg.Connection, statement: str) -> None:
    await admin.execute(statement)
    before = await admin.fetchval("SELECT pg_conf_load_time()")
    await admin.execute("SELECT pg_reload_conf()")
    while await admin.fetchval("SELECT pg_conf_load_time()") == before:  # noqa: ASYNC110 - as every session does
        await asyncio.sleep(0.01)


@asynccontextmanager
async def read_only(bench: Bench) -> AsyncIterator[None]:
    await reload(bench.admin, "ALTER SYSTEM SET default_transaction_read_only = on")
    yield
    await bench.admin.execute("SET default_transaction_read_only = off")
    await reload(bench.admin, "ALTER SYSTEM RESET default_transaction_read_only")


@asynccontextmanager
async def right_revoked(bench: Bench) -> AsyncIterator[None]:
    await bench.admin.execute("REVOKE INSERT ON monitor.attempts FROM service")
    yield
    await bench.admin.execute("GRANT INSERT ON monitor.attempts TO service")


@asynccontextmanager
async def column_missing(bench: Bench) -> AsyncIterator[None]:
    """New code before its migration."""
    await bench.admin.execute("ALTER TABLE monitor.attempts RENAME COLUMN cost_usd TO not_yet")
    yield
    await bench.admin.execute("ALTER TABLE monitor.attempts RENAME COLUMN not_yet TO cost_usd")


@asynccontextmanager
async def table_missing(bench: Bench) -> AsyncIterator[None]:
    await bench.admin.execute("ALTER TABLE monitor.read_offsets RENAME TO not_yet")
    yield
    await bench.admin.execute("ALTER TABLE monitor.not_yet RENAME TO read_offsets")


@asynccontextmanager
async def stopped(bench: Bench) -> AsyncIterator[None]:
    await bench.admin.close()
    await asyncio.to_thread(bench.server.stop, signal.SIGQUIT)  # as at a crash
    yield
    await asyncio.to_thread(bench.server.start)
    bench.admin = await asyncpg.connect(bench.server.url)


@asynccontextmanager
async def no_connections(bench: Bench) -> AsyncIterator[None]:
    await bench.admin.execute("ALTER ROLE service CONNECTION LIMIT 0")
    await bench.admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'service'")
    yield
    await bench.admin.execute("ALTER ROLE service CONNECTION LIMIT -1")


@asynccontextmanager
async def password_changed(bench: Bench) -> AsyncIterator[None]:
    await bench.admin.execute("ALTER ROLE service PASSWORD 'another'")
    await bench.admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'service'")
    yield
    await bench.admin.execute("ALTER ROLE service PASSWORD 'service'")


@asynccontextmanager
async def locked(bench: Bench) -> AsyncIterator[None]:
    async with bench.admin.transaction():
        await bench.admin.execute("LOCK TABLE monitor.attempts IN EXCLUSIVE MODE")
        yield


@asynccontextmanager
async def killed_in_mid_statement(bench: Bench) -> AsyncIterator[None]:
    async with locked(bench):
        killer = asyncio.create_task(_kill(bench.server.url))
        yield
        killer.cancel()
        await asyncio.gather(killer, return_exceptions=True)


async def _kill(url: str) -> None:
    admin = await asyncpg.connect(url)
    try:
        while True:
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                "WHERE usename = 'service' AND wait_event_type = 'Lock'")  # fmt: skip
            await asyncio.sleep(0.02)
    finally:
        await admin.close()


@asynccontextmanager
async def lock_timeout(bench: Bench) -> AsyncIterator[None]:
    await reload(bench.admin, "ALTER SYSTEM SET lock_timeout = '50ms'")
    async with locked(bench):
        yield
    await reload(bench.admin, "ALTER SYSTEM RESET lock_timeout")


@asynccontextmanager
async def statement_timeout(bench: Bench) -> AsyncIterator[None]:
    await bench.admin.execute("SET statement_timeout = 0")
    await reload(bench.admin, "ALTER SYSTEM SET statement_timeout = '50ms'")
    async with locked(bench):
        yield
    await reload(bench.admin, "ALTER SYSTEM RESET statement_timeout")


@asynccontextmanager
async def disk_full(bench: Bench) -> AsyncIterator[None]:
    if bench.small is None:
        pytest.skip("only root may mount the small file system that is filled here")
    await bench.admin.execute(f"CREATE TABLESPACE small LOCATION '{bench.small / 'data'}'")
    await bench.admin.execute("TRUNCATE monitor.attempts")
    leaves = "SELECT relid::regclass::text FROM pg_partition_tree('monitor.attempts') WHERE isleaf"
    for days in await bench.admin.fetch(leaves):
        await bench.admin.execute(f"ALTER TABLE {days[0]} SET TABLESPACE small")
    filler = bench.small / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    yield
    filler.unlink()


def raising(sqlstate: str) -> Fault:
    """What the server says of itself now and then, said by a trigger."""

    @asynccontextmanager
    async def fault(bench: Bench) -> AsyncIterator[None]:
        await bench.admin.execute(f"""
            CREATE FUNCTION monitor.refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{sqlstate}'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON monitor.attempts FOR EACH ROW EXECUTE FUNCTION monitor.refuse();
        """)
        yield
        await bench.admin.execute("DROP FUNCTION monitor.refuse CASCADE")

    return fault


FAULTS: dict[str, Fault] = {
    "read-only": read_only,
    "right revoked": right_revoked,
    "column missing": column_missing,
    "table of offsets missing": table_missing,
    "stopped": stopped,
    "no connections": no_connections,
    "password changed": password_changed,
    "killed in mid-statement": killed_in_mid_statement,
    "lock timeout": lock_timeout,
    "statement timeout": statement_timeout,
    "disk full": disk_full,
    "serialization": raising("40001"),
    "deadlock": raising("40P01"),
    "out of memory": raising("53200"),
    "damaged": raising("XX001"),
    "a state that nobody foresaw": raising("ZZ999"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_events_wait_for_the_database_and_are_booked_when_it_can(bench: Bench, fault: str) -> None:
    async with FAULTS[fault](bench):
        events = await bench.publish()
        await asyncio.sleep(0.7)  # tried more than once
        assert (bench.committed, bench.dead_letters) == (0, 0)
    await bench.until_booked(events)
    assert bench.dead_letters == 0


SPOILED: dict[str, Spoil] = {
    "a NUL": lambda event: event.model_copy(update={"model": "m\0"}),
    "a surrogate": lambda event: event.model_copy(update={"model": "\ud800"}),
    "a number too large": lambda event: event.model_copy(update={"input_tokens": 2**40}),
    "an index entry too large": lambda event: event.model_copy(update={"tenant_id": os.urandom(9000).hex()}),
    "a missing value": lambda event: event.model_copy(update={"tenant_id": None}),
}


@pytest.mark.parametrize("spoiled", SPOILED)
async def test_only_what_is_wrong_with_an_event_itself_makes_it_a_dead_letter(bench: Bench, spoiled: str) -> None:
    bad, *good = made = [ended(attempt_id=new_id(), event_id=new_id()) for _ in range(EVENTS)]
    bench.spoiled[bad.attempt_id] = SPOILED[spoiled]
    await bench.publisher.publish(*(Outgoing(OUTCOMES, event) for event in made))
    await bench.until_booked(good)
    await until(lambda: bench.committed >= EVENTS)
    assert (bench.dead_letters, await bench.booked([bad])) == (1, 0)


async def test_who_waits_for_somebody_says_for_what(bench: Bench) -> None:
    async with right_revoked(bench):
        await bench.publish()
        await until(lambda: (bench.keeper.held_up or "").endswith("GRANT"))
    await until(lambda: bench.keeper.held_up is None)


async def test_the_database_tells_that_it_has_gone_back(bench: Bench) -> None:
    """A reader that has lost its partition may write what it has read; who would leave something out may not."""
    offsets, place = ReadOffsets(bench._pool, "monitor"), TopicPartition("t", 1)
    await offsets.advance({place: range(10)})
    await offsets.advance({place: range(3, 5)})
    assert await offsets.kept(["t"]) == {place: 10}
    with pytest.raises(Exception, match="read again from") as raised:
        await offsets.advance({place: range(11, 20), TopicPartition("t", 0): range(7)})
    assert raised.value.kept == {place: 10}  # type: ignore[attr-defined]
    assert await offsets.kept(["t"]) == {place: 10}


async def test_a_service_that_starts_with_a_wrong_password_says_so_at_once(server: Postgres) -> None:
    url = SecretStr(f"postgresql://nobody:wrong@127.0.0.1:{server.port}/tallygate")
    with pytest.raises(ConfigurationError, match="correct user and password in DATABASE_URL"):
        async with asyncio.timeout(30):
            await connect_pool(DatabaseSettings(database_url=url))
