"""Files: what is appended is there as it was, in parts that nobody can exchange, and once whoever appends it."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import pytest

from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.db.pool import Pool
from shared.errors import TallygateError
from shared.events import new_id, utc_now
from shared.files import PART_BYTES, AppendRefusedError, File, Files, FileStore, NewFile
from shared.files.files import SealedPart
from shared.files.library import Objects
from shared.files.object_store import ObjectStore
from tests.support.memory.files import FileTables, MemoryFileStore
from tests.support.object_store import settings_of

RING = KeyRing.parse(new_key())
DAY = timedelta(days=1)


class Bench(NamedTuple):
    """exchange: puts the sealed bytes of the second part of a file in the place of those of its first one."""

    files: Files
    exchange: Callable[[File], Awaitable[None]]


def in_memory() -> Bench:
    tables = FileTables()

    async def exchange(file: File) -> None:
        first, second = tables.parts[file.file_id]
        tables.parts[file.file_id] = [first._replace(sealed=second.sealed), second]

    return Bench(Files(MemoryFileStore(tables), RING), exchange)


def in_sql(pool: Pool, objects: Objects | None = None) -> Bench:
    async def exchange(file: File) -> None:
        await pool.execute(
            "UPDATE gateway.file_parts SET sealed = other.sealed, object_name = other.object_name "
            "FROM gateway.file_parts AS other "
            "WHERE file_parts.file_id = $1 AND other.file_id = $1 AND file_parts.start = 0 AND other.start > 0",
            file.file_id,
        )

    return Bench(Files(FileStore(pool), RING, objects), exchange)


_REAL = pytest.mark.real_postgres


@pytest.fixture(params=["memory", pytest.param("postgres", marks=_REAL), pytest.param("object_store", marks=_REAL)])
def bench(request: pytest.FixtureRequest) -> Bench:
    """Where parts lie."""
    match request.param:
        case "memory":
            return in_memory()
        case "postgres":
            return in_sql(request.getfixturevalue("pool"))
        case _:
            objects = ObjectStore(settings_of(request.getfixturevalue("object_store_url")))
            return in_sql(request.getfixturevalue("pool"), objects)


def new_file(tenant_id: str = "acme") -> NewFile:
    return NewFile(
        file_id=new_id(), tenant_id=tenant_id, purpose="batch_output", name="out.jsonl", kept_until=utc_now() + DAY
    )


async def begun(bench: Bench) -> File:
    file = await bench.files.begin(new_file())
    assert file is not None
    return file


async def appended(bench: Bench, file: File, data: bytes) -> File:
    return await bench.files.append(file, await bench.files.sealed(file, data))


async def content(bench: Bench, file: File, offset: int = 0) -> bytes:
    return b"".join([data async for data in bench.files.content(file, offset)])


async def test_what_was_appended_is_read_from_any_byte_on(bench: Bench) -> None:
    data = random.Random(7).randbytes(5 * PART_BYTES + 11)
    file = await appended(bench, await appended(bench, await begun(bench), data[:-3]), data[-3:])
    assert file.size == len(data)
    for offset in (0, 1, PART_BYTES - 1, PART_BYTES, 3 * PART_BYTES + 5, len(data) - 2, len(data)):
        assert await content(bench, file, offset) == data[offset:]


async def test_lines_lie_across_parts_and_one_that_is_too_long_has_only_its_place(bench: Bench) -> None:
    long = b"x" * (PART_BYTES + 5)
    file = await appended(bench, await begun(bench), b"one\n" + long + b"\n\nlast")
    lines = [line async for line in bench.files.lines(file, longest=100)]
    after = 4 + len(long) + 1
    assert lines == [(0, 4, b"one"), (4, after, None), (after, after + 1, b""), (after + 1, file.size, b"last")]
    assert [line async for line in bench.files.lines(file, after)] == lines[2:]
    assert [line.text async for line in bench.files.lines(file, 4)] == [long, b"", b"last"]


async def test_what_was_appended_once_is_refused_the_second_time(bench: Bench) -> None:
    before = await begun(bench)
    parts = await bench.files.sealed(before, b"a" * (PART_BYTES + 1))
    after = await bench.files.append(before, parts)
    with pytest.raises(AppendRefusedError):
        await bench.files.append(before, parts)
    with pytest.raises(AppendRefusedError):
        await appended(bench, before, b"of another who knew no better")
    assert await content(bench, after) == b"a" * (PART_BYTES + 1)


async def test_who_takes_over_goes_on_where_the_file_stands(bench: Bench) -> None:
    new = new_file()
    file = await bench.files.begin(new)
    assert file is not None
    await appended(bench, file, b"first\n")
    again = await bench.files.begin(new)
    assert again is not None
    assert again.size == 6
    whole = await appended(bench, again, b"second\n")
    assert await content(bench, whole) == b"first\nsecond\n"


async def test_a_finished_file_is_fixed(bench: Bench) -> None:
    file = await appended(bench, await begun(bench), b"all\n")
    kept_until = utc_now() + 3 * DAY
    finished = await bench.files.finish(file, kept_until)
    assert (finished.size, finished.kept_until) == (4, kept_until)
    assert finished.finished_at is not None
    assert await bench.files.file("acme", file.file_id) == finished
    with pytest.raises(AppendRefusedError):
        await appended(bench, file, b"more\n")
    with pytest.raises(AppendRefusedError):
        await bench.files.finish(file, kept_until)


async def test_a_deleted_file_is_not_there_nor_begun_again(bench: Bench) -> None:
    new = new_file()
    file = await bench.files.begin(new)
    assert file is not None
    assert await bench.files.delete(file)
    assert not await bench.files.delete(file)
    assert await bench.files.file("acme", file.file_id) is None
    assert await bench.files.begin(new) is None
    with pytest.raises(AppendRefusedError):
        await appended(bench, file, b"late\n")


async def test_a_file_is_its_tenants(bench: Bench) -> None:
    new = new_file()
    file = await bench.files.begin(new)
    assert file is not None
    assert await bench.files.file("other", file.file_id) is None
    assert await bench.files.begin(replace(new, tenant_id="other")) is None


async def test_parts_that_were_exchanged_do_not_open(bench: Bench) -> None:
    file = await appended(bench, await begun(bench), b"a" * PART_BYTES + b"b" * PART_BYTES)
    await bench.exchange(file)
    with pytest.raises(TallygateError, match="sealed for another place"):
        await content(bench, file)


async def test_a_missing_part_is_an_error_and_not_a_shorter_file(bench: Bench) -> None:
    file = await begun(bench)
    longer = await bench.files.append(file, [SealedPart(3, 4, b"", None)])
    with pytest.raises(TallygateError, match="no part has byte 0"):
        await content(bench, longer)


@pytest.mark.real_postgres
async def test_what_is_appended_is_one_with_the_rest_of_a_transaction(pool: Pool) -> None:
    bench = in_sql(pool)
    file = await begun(bench)
    parts = await bench.files.sealed(file, b"kept\n")
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await bench.files.append(file, parts, connection)
        await transaction.rollback()
    as_it_was = await bench.files.file("acme", file.file_id)
    assert as_it_was == file
    async with pool.acquire() as connection, connection.transaction():
        done = await bench.files.finish(await bench.files.append(file, parts, connection), file.kept_until, connection)
    assert await content(bench, done) == b"kept\n"
