"""What is in the books as a file: page after page, so that it takes no more memory however long it is."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, NamedTuple, get_args

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.monitor.cursors import Place
from services.monitor.lists.files import ATTEMPTS, INFERENCES, WRITERS, Columns, Format
from services.monitor.lists.filters import Filters
from services.monitor.lists.page import Page, page
from services.monitor.lists.store import LEAST_ID, ListStore
from services.monitor.ranges import Range
from shared.errors import TallygateError

What = Literal["inferences", "attempts"]
_ROWS = 5000  # of a page, which is a row group; some 10 MB while it is written
_COLUMNS: Mapping[What, Columns] = {"inferences": INFERENCES, "attempts": ATTEMPTS}
_TIPS = (
    "Wait until your other export has ended, or break it off.",
    "Operators: TALLYGATE_MONITOR_EXPORTS_PER_TENANT and TALLYGATE_MONITOR_EXPORTS",
)


class Wanted(NamedTuple):
    tenant_id: str
    what: What
    format: Format
    range: Range


def parse_what(query: Mapping[str, str]) -> tuple[What, Format]:
    """Raises `invalid_request`."""
    what, file_format = query.get("what", "inferences"), query.get("format", "csv")
    for known_what in get_args(What):
        for known_format in get_args(Format):
            if (what, file_format) == (known_what, known_format):
                return known_what, known_format
    raise TallygateError("invalid_request", "what must be inferences or attempts, and format csv or parquet")


class Exports:
    """most, per_tenant: at a time."""

    def __init__(self, store: ListStore, *, most: int, per_tenant: int, rows: int = _ROWS) -> None:
        self._store = store
        self._most = most
        self._per_tenant = per_tenant
        self._rows = rows
        self._running: Counter[str] = Counter()

    @contextmanager
    def place(self, tenant_id: str) -> Iterator[None]:
        """Raises TallygateError (429)."""
        mine = self._running[tenant_id]
        if mine >= self._per_tenant or self._running.total() >= self._most:
            whose = f"{mine} exports of your tenant run" if mine >= self._per_tenant else f"{self._most} exports run"
            raise TallygateError("too_many_requests", f"{whose} already", retry_after_s=10.0, tips=_TIPS)
        self._running[tenant_id] += 1
        try:
            yield
        finally:
            self._running[tenant_id] -= 1
            if not self._running[tenant_id]:
                del self._running[tenant_id]

    async def parts(self, wanted: Wanted) -> AsyncIterator[bytes]:
        """The newest rows first. Raises TallygateError where the books cannot be read on: then the file is not whole.

        Files are written in a thread: what answers and books goes on meanwhile."""
        make, _ = WRITERS[wanted.format]
        writer = await asyncio.to_thread(make, _COLUMNS[wanted.what])
        read = self._calls if wanted.what == "attempts" else self._inferences
        before: Place | None = Place(wanted.range.until, LEAST_ID)
        while before is not None:
            found = await read(wanted, before)
            if found.rows and (part := await asyncio.to_thread(writer.add, found.rows)):
                yield part
            before = found.next
        yield await asyncio.to_thread(writer.end)

    async def _inferences(self, wanted: Wanted, before: Place) -> Page:
        store, since = self._store, wanted.range.since
        found = page(
            await store.inferences(wanted.tenant_id, since, before, Filters(), self._rows + 1), self._rows
        )  # fmt: skip
        calls = await store.calls_of(wanted.tenant_id, [row["inference_id"] for row in found.rows])
        rows: list[Mapping[str, Any]] = [{**row, "calls": calls.get(row["inference_id"])} for row in found.rows]
        return Page(rows, found.next)

    async def _calls(self, wanted: Wanted, before: Place) -> Page:
        return page(
            await self._store.attempts(wanted.tenant_id, wanted.range.since, before, self._rows + 1), self._rows
        )  # fmt: skip


class Export(Response):
    """One file, as it is made. One that breaks off is not ended, so that nobody takes it for whole."""

    def __init__(self, exports: Exports, wanted: Wanted) -> None:
        super().__init__()
        self._exports = exports
        self._wanted = wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = self._wanted
        since, until = (f"{at:%Y%m%dT%H%M%SZ}" for at in wanted.range)
        name = f"tallygate-{wanted.what}-{since}-{until}.{wanted.format}"
        headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
        with ExitStack() as place:
            place.enter_context(self._exports.place(wanted.tenant_id))
            # Who has read a file to its end may ask for the next at once.
            parts = _and_then(self._exports.parts(wanted), place.close)
            file = StreamingResponse(parts, media_type=WRITERS[wanted.format][1], headers=headers)
            await file(scope, receive, send)


async def _and_then(parts: AsyncIterator[bytes], done: Callable[[], None]) -> AsyncIterator[bytes]:
    """done: called when the last part was taken, before the file is told to be whole."""
    async for part in parts:
        yield part
    done()
