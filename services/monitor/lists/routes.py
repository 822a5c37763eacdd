"""Lists of inferences, the live feed and files, for the tenant of the API key."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.monitor import cursors
from services.monitor.books.lag import Lag
from services.monitor.cursors import Cursor, Place
from services.monitor.lists.export import Export, Exports, Wanted, parse_what
from services.monitor.lists.feed import Feed
from services.monitor.lists.filters import parse_filters, parse_limit, parse_live_filters
from services.monitor.lists.items import item
from services.monitor.lists.live_events import time_of
from services.monitor.lists.live_stream import LiveStream, Missed
from services.monitor.lists.page import looked_to, page
from services.monitor.lists.store import LEAST_ID, ListStore
from services.monitor.ranges import parse_range
from shared.access import Authenticator
from shared.events import utc_now

INFERENCES = "/api/inferences"
LIVE = "/api/monitoring/live"
EXPORT = "/api/monitoring/export"


class ListsApi:
    def __init__(
        self, store: ListStore, authenticator: Authenticator, lag: Lag, feed: Feed, missed: Missed, exports: Exports
    ) -> None:  # fmt: skip
        self._store = store
        self._authenticator = authenticator
        self._lag = lag
        self._feed = feed
        self._missed = missed
        self._exports = exports

    async def inferences(self, request: Request) -> Response:
        caller = await self._authenticator.caller(request.headers)
        caller.require("monitor")
        query, now = request.query_params, utc_now()
        filters, limit = parse_filters(query), parse_limit(query)
        if "cursor" in query:
            since, until, before = cursors.read(query["cursor"], INFERENCES, query)
        else:
            since, until = parse_range(query, now)
            before = Place(until, LEAST_ID)
        found = page(await self._store.inferences(caller.tenant_id, since, before, filters, limit + 1), limit)
        calls = await self._store.calls_of(caller.tenant_id, [row["inference_id"] for row in found.rows])
        told: dict[str, Any] = {
            "items": [item(row, calls.get(row["inference_id"])) for row in found.rows],
            "next_cursor": found.next and cursors.written(Cursor(since, until, found.next), INFERENCES, query),
            "looked_to": looked_to(found, since).isoformat(),
            "from": since.isoformat(),
            "to": until.isoformat(),
            "as_of": now.isoformat(),
            "lag_s": round(await self._lag.seconds(), 3),
        }
        return Response(orjson.dumps(told), 200, media_type="application/json")

    async def live(self, request: Request) -> Response:
        caller = await self._authenticator.caller(request.headers)
        caller.require("monitor")
        filters = parse_live_filters(request.query_params)
        last_seen = time_of(request.headers.get("last-event-id", ""))
        return LiveStream(self._feed, self._missed, caller.tenant_id, filters, last_seen)

    async def export(self, request: Request) -> Response:
        caller = await self._authenticator.caller(request.headers)
        caller.require("monitor")
        query = request.query_params
        what, file_format = parse_what(query)
        return Export(self._exports, Wanted(caller.tenant_id, what, file_format, parse_range(query, utc_now())))


def make_routes() -> list[Route]:
    async def inferences(request: Request) -> Response:
        return await _api(request).inferences(request)

    async def live(request: Request) -> Response:
        return await _api(request).live(request)

    async def export(request: Request) -> Response:
        return await _api(request).export(request)

    return [Route(INFERENCES, inferences), Route(LIVE, live), Route(EXPORT, export)]


def _api(request: Request) -> ListsApi:
    api: ListsApi = request.app.state.lists
    return api
