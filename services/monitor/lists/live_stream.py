"""One live feed as server-sent events."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.monitor.cursors import Place
from services.monitor.lists.feed import Feed, Reader
from services.monitor.lists.filters import Filters
from services.monitor.lists.items import item
from services.monitor.lists.live_events import booked
from services.monitor.lists.store import LEAST_ID, ListStore
from shared.events import utc_now

KEEP_ALIVE_S = 15.0
LONGEST_S = 900.0  # then the reader comes again, and its key is looked at anew
_OVERLAP = timedelta(seconds=5)  # clocks differ, and what ended earlier may have been told later
_MOST_MISSED = 500
_LONGEST_AWAY = timedelta(hours=1)
_HEAD = b": inferences as they are settled, and calls as they fail\nretry: 3000\n\n"
_KEEP_ALIVE = b": nothing new\n\n"
_CUT = {
    "reason": "too_slow",
    "detail": "more was told than you read; what came since is missing",
    "tips": ["Filter by model, error_type or state.", "What is missing is in GET /api/inferences."],
}
_OVER = {"reason": "renew", "detail": "connect again: the key is looked at anew", "tips": []}


class Missed:
    """What was settled while a reader was away, from the books."""

    def __init__(self, store: ListStore, caught_up: Callable[[], Awaitable[object]]) -> None:
        """caught_up: returns when everything that was said is booked, or soon."""
        self._store = store
        self._caught_up = caught_up

    async def since(self, tenant_id: str, at: datetime, filters: Filters) -> tuple[list[bytes], datetime | None]:
        """The oldest first; and, when that is not all, from when on it is."""
        await self._caught_up()
        now = utc_now()
        since = max(at, now - _LONGEST_AWAY)
        found = await self._store.inferences(tenant_id, since - _OVERLAP, Place(now, LEAST_ID), filters, _MOST_MISSED)
        rows = found.settled
        calls = await self._store.calls_of(tenant_id, [row["inference_id"] for row in rows])
        events = [booked(row, item(row, calls.get(row["inference_id"]))).encoded() for row in reversed(rows)]
        is_all = len(rows) < _MOST_MISSED and found.looked_to is None and since == at
        return events, None if is_all else rows[-1]["settled_at"] if rows else since


class LiveStream(Response):
    """last_seen: the time of the last event that the reader had, before it lost its connection."""

    def __init__(
        self, feed: Feed, missed: Missed, tenant_id: str, filters: Filters, last_seen: datetime | None
    ) -> None:  # fmt: skip
        super().__init__()
        self._feed = feed
        self._missed = missed
        self._tenant_id = tenant_id
        self._filters = filters
        self._last_seen = last_seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._feed.reader(self._tenant_id, self._filters) as reader:
            headers = {"cache-control": "no-store"}
            events = StreamingResponse(self._events(reader), media_type="text/event-stream", headers=headers)
            await events(scope, receive, send)

    async def _events(self, reader: Reader) -> AsyncIterator[bytes]:
        yield _HEAD
        if self._last_seen is not None:
            events, whole_from = await self._missed.since(self._tenant_id, self._last_seen, self._filters)
            if whole_from is not None:
                yield _event("gap", {"from": self._last_seen.isoformat(), "to": whole_from.isoformat()})
            yield b"".join(events)
        ends_at = time.monotonic() + LONGEST_S
        while not reader.is_cut and not reader.is_over and time.monotonic() < ends_at:
            yield await reader.take(KEEP_ALIVE_S) or _KEEP_ALIVE
        yield _event("end", _CUT if reader.is_cut else _OVER)


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))
