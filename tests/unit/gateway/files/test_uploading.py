"""Uploads: what is stored, what is refused and when, and that nothing is left of what was refused or cut."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from services.gateway.files.form import FORM_BYTES
from shared.errors import TallygateError
from shared.files import PART_BYTES, File
from tests.support.forms import KIND, file, form, purpose
from tests.support.gateway_app import Here, gateway_here

MB = 1024 * 1024


async def coming(body: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def upload(here: Here, body: AsyncIterator[bytes], length: int | None = None) -> File:
    return await here.gateway.uploads.upload("acme", KIND, length, body)


async def content(here: Here, stored: File) -> bytes:
    return b"".join([data async for data in here.gateway.files.content(stored)])


async def purged(here: Here) -> None:
    """Everything that is left to be deleted is."""
    await here.gateway.purging._purge()


async def refused(here: Here, body: AsyncIterator[bytes], length: int | None = None) -> TallygateError:
    with pytest.raises(TallygateError) as caught:
        await upload(here, body, length)
    assert await here.gateway.file_table.listed("acme", None, "desc", None, 10) == []
    await purged(here)
    assert (here.file_tables.files, here.file_tables.parts) == ({}, {})
    return caught.value


async def test_the_fields_may_come_after_the_file() -> None:
    here = gateway_here()
    body = form(file(b"x" * (PART_BYTES + 3)), purpose())
    stored = await upload(here, coming(body))
    assert (stored.size, stored.purpose, stored.room, stored.finished_at is None) == (PART_BYTES + 3, "batch", 0, False)
    assert await content(here, stored) == b"x" * (PART_BYTES + 3)


async def test_memory_does_not_grow_with_the_file() -> None:
    here = gateway_here()
    head, tail = form(purpose(), file(b""), ended=False)[:-2], b"\r\n--b0undary--\r\n"

    async def body() -> AsyncIterator[bytes]:
        yield head
        for _ in range(32 * 16):
            yield bytes(64 * 1024)
        yield tail

    tracemalloc.start()
    try:
        stored = await upload(here, body())
        assert stored.size == 32 * MB
        assert tracemalloc.get_traced_memory()[1] < 4 * MB
    finally:
        tracemalloc.stop()


async def test_one_that_is_said_to_be_too_large_is_refused_before_anything_is_read() -> None:
    here = gateway_here(max_file_bytes=MB)

    body = coming(form(purpose(), file()))
    error = await refused(here, body, length=10_000 * MB)
    assert await anext(body)  # nothing of it was read
    assert (error.failure.error_type, error.failure.http_status) == ("payload_too_large", 413)
    assert "TALLYGATE_MAX_FILE_BYTES" in str(error.failure.tips)


async def test_one_that_does_not_say_how_large_it_is_is_refused_when_it_is() -> None:
    here, read = gateway_here(max_file_bytes=MB), 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        yield form(purpose(), file(b""), ended=False)[:-2]
        while True:
            read += 64 * 1024
            yield bytes(64 * 1024)

    error = await refused(here, endless())
    assert error.failure.error_type == "payload_too_large"
    assert read <= MB + 64 * 1024


async def test_beside_the_file_there_may_not_be_much() -> None:
    body = b"\r\n" * FORM_BYTES + form(purpose(), file())
    assert (await refused(gateway_here(), coming(body))).failure.error_type == "payload_too_large"


@pytest.mark.parametrize(
    ("quota", "setting"),
    [
        ({"max_files_per_tenant": 1}, "TALLYGATE_MAX_FILES_PER_TENANT"),
        ({"max_stored_bytes_per_tenant": 1000}, "TALLYGATE_MAX_STORED_BYTES_PER_TENANT"),
    ],
)
async def test_a_tenant_has_only_so_many_and_so_much(quota: dict[str, Any], setting: str) -> None:
    here = gateway_here(**quota)
    first = await upload(here, coming(form(purpose(), file(b"x" * 900))))
    with pytest.raises(TallygateError) as caught:
        await upload(here, coming(form(purpose(), file(b"x" * 200))))
    assert (caught.value.failure.http_status, setting in str(caught.value.failure.tips)) == (409, True)

    await here.gateway.files.delete(first)
    assert (await upload(here, coming(form(purpose(), file(b"x" * 200))))).size == 200


async def test_one_that_is_said_to_be_more_than_is_left_is_refused_before_it_is_read() -> None:
    here, body = gateway_here(max_stored_bytes_per_tenant=MB), form(purpose(), file(bytes(2 * MB)))
    pieces = coming(body, 1000)
    error = await refused(here, pieces, len(body))
    assert (error.failure.http_status, await anext(pieces)) == (409, body[1000:2000])


async def test_what_an_upload_may_still_bring_counts_already() -> None:
    here, going = gateway_here(max_stored_bytes_per_tenant=2 * MB), asyncio.Event()
    body = form(purpose(), file(b"x" * MB))

    async def slow() -> AsyncIterator[bytes]:
        yield body[:1000]
        await going.wait()
        yield body[1000:]

    first = asyncio.create_task(upload(here, slow(), len(body)))
    while not here.file_tables.files:  # noqa: ASYNC110
        await asyncio.sleep(0)
    with pytest.raises(TallygateError, match="more than 2097152 bytes of files"):
        await upload(here, coming(body), len(body))
    going.set()
    assert (await first).size == MB


async def test_of_one_that_is_cut_in_the_middle_nothing_is_left() -> None:
    here = gateway_here()

    async def cut() -> AsyncIterator[bytes]:
        yield form(purpose(), file(bytes(2 * PART_BYTES)), ended=False)[:-2]
        assert len(next(iter(here.file_tables.parts.values()))) == 2
        raise ClientDisconnect

    with pytest.raises(ClientDisconnect):
        await upload(here, cut())
    assert here.file_tables.deleted == here.file_tables.files.keys()
    await purged(here)
    assert (here.file_tables.files, here.file_tables.parts) == ({}, {})


async def test_one_that_was_deleted_as_forgotten_is_to_be_sent_again() -> None:
    here = gateway_here()

    async def frozen() -> AsyncIterator[bytes]:
        yield form(purpose(), file(b"x"), ended=False)[:-2]
        here.file_tables.deleted.update(here.file_tables.files)
        yield bytes(PART_BYTES)

    assert (await refused(here, frozen())).failure.error_type == "unavailable"


async def test_one_that_takes_too_long_is_refused() -> None:
    here = gateway_here(file_upload_timeout_s=0.01)

    async def never() -> AsyncIterator[bytes]:
        yield form(purpose(), file(), ended=False)
        await asyncio.Event().wait()

    error = await refused(here, never())
    assert (error.failure.http_status, "TALLYGATE_FILE_UPLOAD_TIMEOUT_S" in str(error.failure.tips)) == (408, True)
