"""What a tenant may have of files, lists of them, and how they are deleted."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from services.gateway.files.purging import Purging
from services.gateway.files.store import FileTable
from services.gateway.quotas import FileLimits
from shared.db.pool import Pool
from shared.db.reads import Reads, ReadSettings
from shared.errors import TallygateError
from shared.events import new_id, utc_now
from shared.files import PART_BYTES, File, Files, FileStore
from shared.files.object_store import ObjectStore
from tests.stores.test_files import DAY, RING, new_file
from tests.stores.test_quotas import new_tenant
from tests.support.object_store import settings_of

pytestmark = pytest.mark.real_postgres

NARROW = FileLimits(file_bytes=1000, files=4, stored_bytes=2500)
_WIDE = FileLimits()


class Shelf:
    """Of a tenant of its own."""

    def __init__(
        self, pool: Pool, tenant_id: str, objects: ObjectStore | None = None, limits: FileLimits = _WIDE
    ) -> None:
        self.pool = pool
        self.tenant_id = tenant_id
        self.files = Files(FileStore(pool), RING, objects)
        self.table = FileTable(pool, Reads(pool, ReadSettings()), self.files, limits)

    async def begun(self, body_bytes: int | None = None) -> File:
        return await self.table.begin(new_file(self.tenant_id), body_bytes)

    async def finished(self, data: bytes = b"x\n", kept: timedelta = DAY) -> File:
        file = await self.begun(len(data))
        grown = await self.files.append(file, await self.files.sealed(file, data))
        return await self.files.finish(grown, utc_now() + kept)

    async def read_by_a_batch(self, file: File) -> None:
        await self.pool.execute(
            "INSERT INTO gateway.batches (batch_id, tenant_id, api_key_id, endpoint, input_file_id, completion_window,"
            " session, output_kept_s, created_at, expires_at) VALUES ($1, $2, 'k', '', $3, '', '', 0, now(), now())",
            new_id(), self.tenant_id, file.file_id,
        )  # fmt: skip

    async def purge(self) -> None:
        await Purging(self.files, self.table)._purge()

    async def rows(self, *files: File) -> tuple[int, int]:
        """Of files and of parts that are there."""
        ids = [file.file_id for file in files]
        counts = "SELECT count(*) FROM gateway.{} WHERE file_id = ANY($1::uuid[])"
        found = [await self.pool.fetchval(counts.format(table), ids) for table in ("files", "file_parts")]
        return found[0], found[1]

    async def ids(self, after: UUID | None = None, limit: int = 10) -> list[UUID]:
        found = await self.table.listed(self.tenant_id, None, "desc", after, limit)
        return [file.file_id for file in found]


@pytest_asyncio.fixture
async def shelf(pool: Pool) -> Shelf:
    return Shelf(pool, await new_tenant(pool))


@pytest_asyncio.fixture
async def narrow(pool: Pool) -> Shelf:
    return Shelf(pool, await new_tenant(pool), limits=NARROW)


@pytest_asyncio.fixture
async def remote(pool: Pool, object_store_url: str) -> AsyncIterator[Shelf]:
    yield Shelf(pool, await new_tenant(pool), ObjectStore(settings_of(object_store_url)))


async def test_room_is_what_all_limits_leave(narrow: Shelf) -> None:
    assert [(await narrow.begun(size)).room for size in (None, 900, 5000)] == [1000, 900, 600]
    with pytest.raises(TallygateError, match="more than 2500 bytes of files"):
        await narrow.begun(1)


async def test_uploads_at_the_same_moment_do_not_pass_a_limit_together(narrow: Shelf) -> None:
    begun = await asyncio.gather(*(narrow.begun(None) for _ in range(8)), return_exceptions=True)
    rooms = sorted(one.room for one in begun if isinstance(one, File))
    assert rooms == [500, 1000, 1000]
    assert all(isinstance(one, File | TallygateError) for one in begun)


async def test_what_is_deleted_counts_no_more_at_once(narrow: Shelf) -> None:
    made = [await narrow.finished() for _ in range(NARROW.files)]
    with pytest.raises(TallygateError, match="your tenant has 4 files"):
        await narrow.begun()
    assert await narrow.files.delete(made[0])
    assert await narrow.begun()


async def test_a_page_goes_on_after_a_file_that_was_deleted(shelf: Shelf) -> None:
    made = [await shelf.finished() for _ in range(3)]
    growing = await shelf.begun()
    newest_first = [file.file_id for file in reversed(made)]
    assert await shelf.ids() == newest_first
    assert await shelf.ids(limit=1) == newest_first[:1]
    await shelf.files.delete(made[1])
    assert await shelf.ids(after=made[1].file_id) == [made[0].file_id]
    upwards = await shelf.table.listed(shelf.tenant_id, "batch_output", "asc", made[1].file_id, 10)
    assert [file.file_id for file in upwards] == [made[2].file_id]
    assert await shelf.table.listed(shelf.tenant_id, "batch", "asc", None, 10) == []
    assert growing.file_id not in await shelf.ids()
    assert await Shelf(shelf.pool, await new_tenant(shelf.pool)).ids() == []


async def test_what_is_deleted_or_old_or_never_finished_goes_with_its_parts_and_nothing_else_does(shelf: Shelf) -> None:
    kept, deleted = await shelf.finished(), await shelf.finished(b"x" * (2 * PART_BYTES))
    old, read = [await shelf.finished(kept=timedelta(seconds=-1)) for _ in range(2)]
    await shelf.read_by_a_batch(read)
    await shelf.files.delete(deleted)
    forgotten = await shelf.table.begin(replace(new_file(shelf.tenant_id), kept_until=utc_now() - DAY), None)
    await shelf.files.append(forgotten, await shelf.files.sealed(forgotten, b"half"))
    assert await shelf.rows(kept, deleted, old, forgotten) == (4, 5)

    await asyncio.gather(shelf.purge(), Shelf(shelf.pool, "other").purge())
    await shelf.purge()
    assert await shelf.rows(deleted, old, forgotten) == (0, 0)
    assert await shelf.rows(read) == (1, 1)
    assert [data async for data in shelf.files.content(kept)] == [b"x\n"]


async def test_objects_go_with_their_file_those_that_were_never_appended_too(remote: Shelf) -> None:
    file, other = await remote.finished(b"x" * (2 * PART_BYTES)), await remote.finished()
    await remote.files.sealed(file, b"put by one who was too late")
    assert await remote.files.delete(file)
    await remote.purge()
    assert await remote.rows(file) == (0, 0)
    row = await remote.pool.fetchval("SELECT object_name FROM gateway.file_parts WHERE file_id = $1", other.file_id)
    assert row.startswith(other.file_id.hex)
    assert [data async for data in remote.files.content(other)] == [b"x\n"]


async def test_while_the_object_store_is_away_its_files_stay_and_others_go(remote: Shelf, shelf: Shelf) -> None:
    far, near = await remote.finished(), await shelf.finished()
    away = Shelf(remote.pool, remote.tenant_id, ObjectStore(settings_of("http://127.0.0.1:1", timeout_s=1.0)))
    with capture_logs():
        with pytest.raises(TallygateError, match="object store") as caught:
            await anext(away.files.content(far))
        assert caught.value.failure.error_type == "unavailable"
        await remote.files.delete(far)
        await away.purge()
        assert await remote.rows(far) == (1, 1)

        await shelf.files.delete(near)
        await shelf.purge()  # which has no object store
        assert (await shelf.rows(near), await remote.rows(far)) == ((0, 0), (1, 1))
    await remote.purge()
    assert await remote.rows(far) == (0, 0)


async def test_an_object_that_is_lost_is_an_error(remote: Shelf) -> None:
    file = await remote.finished()
    assert await remote.files.delete_objects(file.file_id)
    with pytest.raises(TallygateError, match="has lost a part"):
        await anext(remote.files.content(file))


async def test_a_bucket_that_is_not_there_is_no_database_that_is_away(pool: Pool, object_store_url: str) -> None:
    elsewhere = settings_of(object_store_url).model_copy(update={"files": "s3://no-such-bucket"})
    shelf = Shelf(pool, await new_tenant(pool), ObjectStore(elsewhere))
    file = await shelf.begun()
    with (
        capture_logs(),
        pytest.raises(TallygateError, match="object store of files cannot do it now: FileNotFoundError"),
    ):
        await shelf.files.sealed(file, b"x")
