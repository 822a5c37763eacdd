"""GET /api/inferences, for the tenant of the API key."""

from typing import Any
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.monitor import cursors
from services.monitor.books.lag import Lag
from services.monitor.cursors import Cursor, Place
from services.monitor.lists.filters import parse_filters, parse_limit
from services.monitor.lists.items import item
from services.monitor.lists.page import looked_to, page
from services.monitor.lists.store import ListStore
from services.monitor.ranges import parse_range
from shared.access import Authenticator
from shared.events import utc_now

INFERENCES = "/api/inferences"
LEAST_ID = UUID(int=0)


class ListsApi:
    def __init__(self, store: ListStore, authenticator: Authenticator, lag: Lag) -> None:
        self._store = store
        self._authenticator = authenticator
        self._lag = lag

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


def make_routes() -> list[Route]:
    async def inferences(request: Request) -> Response:
        return await _api(request).inferences(request)

    return [Route(INFERENCES, inferences)]


def _api(request: Request) -> ListsApi:
    api: ListsApi = request.app.state.lists
    return api
