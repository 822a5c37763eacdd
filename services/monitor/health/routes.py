"""GET /api/monitoring/health: how the models of the API key's tenant are, and how they came to be so."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.monitor import cursors
from services.monitor.books.lag import Lag
from services.monitor.cursors import Cursor, Place
from services.monitor.health.history import Probings, standing, timeline
from services.monitor.health.store import Asked, HealthStore
from services.monitor.health.watched import Watched
from services.monitor.ranges import Range, parse_range
from services.monitor.rollups.health import ThresholdsOfModel
from shared.access import Authenticator
from shared.errors import TallygateError
from shared.events import ModelHealthChanged, utc_now
from shared.registry import canonical_reference

HEALTH = "/api/monitoring/health"
_DEFAULT_LIMIT, MOST_CHANGES_OF_A_PAGE = 50, 200

Said = Callable[[str], Iterable[ModelHealthChanged]]  # the last word on each model of a tenant


class _Query(NamedTuple):
    span: Range
    model: str | None
    limit: int
    after: Place | None


class HealthApi:
    def __init__(
        self, store: HealthStore, authenticator: Authenticator, lag: Lag, watched: Watched, said: Said
    ) -> None:
        self._store = store
        self._authenticator = authenticator
        self._watched = watched
        self._said = said
        self._lag = lag

    async def health(self, request: Request) -> Response:
        caller = await self._authenticator.caller(request.headers)
        caller.require("monitor")
        told = await self._told(caller.tenant_id, request.query_params, utc_now())
        return Response(orjson.dumps(told), 200, media_type="application/json")

    async def _told(self, tenant_id: str, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
        query = _read(params, now)
        asked = Asked(tenant_id, query.model, *query.span, query.after, query.limit + 1)
        history = await self._store.history(asked)
        page, more = history.changes[: query.limit], history.changes[query.limit :]
        place = Place(page[-1]["changed_at"], page[-1]["event_id"]) if more else None
        history = history._replace(changes=page)
        return {
            "models": standing(history, *self._known(tenant_id, query.model)),
            **timeline(history, query.span),
            "next_cursor": cursors.written(Cursor(*query.span, place), HEALTH, params) if place else None,
            "as_of": now.isoformat(),
            "lag_s": round(await self._lag.seconds(), 3),
        }

    def _known(self, tenant_id: str, model: str | None) -> tuple[list[ModelHealthChanged], ThresholdsOfModel, Probings]:
        """What this process knows of these models beside the history."""
        said = [word for word in self._said(tenant_id) if model in {None, word.model}]
        probings = {
            one.model.id: one.probe
            for one in self._watched.probed.values()
            if one.probe and one.model.tenant_id == tenant_id and model in {None, one.model.id}
        }
        return said, self._watched.thresholds_of(tenant_id), probings


def make_routes() -> list[Route]:
    async def health(request: Request) -> Response:
        return await _api(request).health(request)

    return [Route(HEALTH, health)]


def _api(request: Request) -> HealthApi:
    api: HealthApi = request.app.state.health
    return api


def _read(params: Mapping[str, str], now: datetime) -> _Query:
    span, model, limit = parse_range(params, now), canonical_reference(params.get("model")), _limit(params)
    if "cursor" not in params:
        return _Query(span, model, limit, None)
    since, until, after = cursors.read(params["cursor"], HEALTH, params)
    return _Query(Range(since, until), model, limit, after)


def _limit(params: Mapping[str, str]) -> int:
    text = params.get("limit", str(_DEFAULT_LIMIT))
    if not (re.fullmatch("[0-9]{1,3}", text) and 1 <= int(text) <= MOST_CHANGES_OF_A_PAGE):
        raise TallygateError("invalid_request", f"limit must be a number from 1 to {MOST_CHANGES_OF_A_PAGE}")
    return int(text)
