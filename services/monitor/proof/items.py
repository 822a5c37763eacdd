"""Rows of a day beside what its seals say of them, in the order of tables and keys, page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date
from uuid import UUID

from services.monitor.proof.rows import FORMS, PARTS, Part, Row
from services.monitor.proof.store import ROWS, Kept, ProofStore
from services.monitor.proof.verifying import Item

Pause = Callable[[], Awaitable[None]]

DIGEST_BYTES = 32
PAGE_ENTRIES = 1024

_Sealed = AsyncIterator[tuple[bytes, bytes]]


async def items_of(store: ProofStore, day: date, seals: Sequence[Kept], pause: Pause) -> AsyncIterator[Item]:
    """seals: of that day. pause: is called after each page of rows."""
    for part in PARTS:
        sealed = [
            (kept.seal.seal.number, entries_of(store, day, kept.pages, FORMS[kept.seal.seal.form][part.number - 1]))
            for kept in seals
            if kept.pages is not None
        ]
        async for item in merged(part, _rows_of(store, part, day, pause), sealed):
            yield item


async def _rows_of(store: ProofStore, part: Part, day: date, pause: Pause) -> AsyncIterator[tuple[bytes, Row]]:
    after = None
    while True:
        page = await store.rows(part, day, after)
        for found in page:
            yield found
        if len(page) < ROWS:
            return
        after = page[-1][0]
        await pause()


async def entries_of(store: ProofStore, day: date, pages: UUID, part: Part) -> _Sealed:
    """Keys and digests of one seal."""
    page, width = 0, part.key_bytes + DIGEST_BYTES
    while (entries := await store.page(day, pages, part, page)) is not None:
        for at in range(0, len(entries), width):
            yield entries[at : at + part.key_bytes], entries[at + part.key_bytes : at + width]
        page += 1


async def merged(
    part: Part, rows: AsyncIterator[tuple[bytes, Row]], sealed: Sequence[tuple[int, _Sealed]]
) -> AsyncIterator[Item]:
    """Each in ascending order of keys, and so is what comes out."""
    row = await anext(rows, None)
    heads = [(number, entries, await anext(entries, None)) for number, entries in sealed]
    while True:
        keys = [head[0] for _, _, head in heads if head is not None]
        if row is not None:
            keys.append(row[0])
        if not keys:
            return
        key = min(keys)
        said = [(number, head[1]) for number, _, head in heads if head is not None and head[0] == key]
        yield Item(part, key, row[1] if row is not None and row[0] == key else None, said)
        if row is not None and row[0] == key:
            row = await anext(rows, None)
        if said:
            heads = [
                (number, entries, await anext(entries, None) if head is not None and head[0] == key else head)
                for number, entries, head in heads
            ]
