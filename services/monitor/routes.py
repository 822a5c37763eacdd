"""The monitor's API: what is in the books, for the tenant of the API key."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.monitor.books.lag import Lag
from services.monitor.books.store import FeatureBooks
from services.monitor.errors.errors import MOST_GROUPS
from services.monitor.errors.errors import told as told_errors
from services.monitor.errors.store import ErrorStore
from services.monitor.health import routes as health
from services.monitor.lists import routes as lists
from services.monitor.ranges import Range, parse_range
from services.monitor.reading.store import Span
from services.monitor.rollups.health import ThresholdsOfModel
from services.monitor.rollups.steps import end
from services.monitor.series.series import parse_axis, parse_group, parse_measure
from services.monitor.series.series import told as told_series
from services.monitor.series.store import SeriesStore
from services.monitor.sessions.sessions import told as told_sessions
from services.monitor.sessions.store import SessionStore
from services.monitor.shadows.compared import told as told_shadows
from services.monitor.shadows.store import ShadowStore
from services.monitor.summary.store import Row, SummaryStore
from services.monitor.summary.summary import summarize
from services.monitor.summary.timeline import timeline
from shared.access import Authenticator
from shared.errors import TallygateError, render
from shared.events import utc_now
from shared.kafka import KafkaError
from shared.registry import Price, canonical_reference

_ERRORS_SHOWN = 20
_CATCH_UP_S = 2.0


class Stores(NamedTuple):
    """What is read for people."""

    summaries: SummaryStore
    series: SeriesStore
    errors: ErrorStore
    sessions: SessionStore
    shadows: ShadowStore
    features: FeatureBooks


class MonitorApi:
    def __init__(
        self, stores: Stores, authenticator: Authenticator, lag: Lag, reference: Price | None,
        caught_up: Callable[[float], Awaitable[object]], thresholds_of: Callable[[str], ThresholdsOfModel],
    ) -> None:  # fmt: skip
        """caught_up: returns when everything that is on the topics is booked, or after so many seconds. thresholds_of:
        by which the health of a tenant's models is judged."""
        self._stores = stores
        self._authenticator = authenticator
        self._lag = lag
        self._reference = reference
        self._caught_up = caught_up
        self._thresholds_of = thresholds_of

    async def summary(self, request: Request) -> Response:
        now = utc_now()
        span = await self._span(request, now)
        rows = await self._stores.summaries.summary(span, _ERRORS_SHOWN)
        features = await self._stores.features.summary(span.tenant_id, rows.since, rows.until)
        thresholds = self._thresholds_of(span.tenant_id)
        summary = summarize(rows, now, await self._lag.seconds(), self._reference, thresholds)
        return _json(summary | {"features": features})

    async def timeseries(self, request: Request) -> Response:
        now, query = utc_now(), request.query_params
        measure, group = parse_measure(query.get("measure", "requests")), parse_group(query.get("group"))
        asked = await self._span(request, now)
        axis = parse_axis(query.get("step"), Range(asked.since, asked.until))
        read = await self._stores.series.read(asked._replace(since=axis.since, until=axis.until), axis, measure, group)
        found = {"series": told_series(axis, measure, group is not None, read), "step": axis.step}
        return _json(found | await self._told_of(axis.since, axis.until, now))

    async def errors(self, request: Request) -> Response:
        now = utc_now()
        span = await self._span(request, now)
        found = await self._stores.errors.read(span, request.query_params.get("error_type"), MOST_GROUPS)
        groups = told_errors(found.rows)
        answer = {"groups": groups, "more_groups": found.groups - len(groups), "total": found.total}
        return _json(answer | await self._told_of(found.since, found.until, now))

    async def sessions(self, request: Request) -> Response:
        now = utc_now()
        found = await self._stores.sessions.read(await self._span(request, now))
        return _json(told_sessions(found.rows) | await self._told_of(found.since, found.until, now))

    async def shadows(self, request: Request) -> Response:
        now = utc_now()
        span = await self._span(request, now)
        found = await self._stores.shadows.read(span)
        compared = {"groups": told_shadows(found.rows), "not_made": found.not_made}
        return _json(compared | await self._told_of(found.since, span.until, now))

    async def _span(self, request: Request, now: datetime) -> Span:
        """Of the caller's tenant. A range that ends now holds the whole of the running minute: nothing ended later."""
        caller = await self._authenticator.caller(request.headers)
        caller.require("monitor")
        query = request.query_params
        since, until = parse_range(query, now)
        return Span(
            caller.tenant_id,
            since,
            end(now, "minute") if until == now else until,
            canonical_reference(query.get("model")),
            query.get("operation"),
            query.get("key"),
        )

    async def _told_of(self, since: datetime, until: datetime, now: datetime) -> dict[str, object]:
        """What every answer says of the range that was read, and of how new it is."""
        span = {"from": since.isoformat(), "to": min(until, now).isoformat()}
        return span | {"as_of": now.isoformat(), "lag_s": round(await self._lag.seconds(), 3)}

    async def inference(self, request: Request) -> Response:
        caller = await self._authenticator.caller(request.headers)
        caller.require("inference")
        inference_id = _parsed(request.path_params["inference_id"])
        found = await self._inference(caller.tenant_id, inference_id)
        if found is None:
            raise TallygateError(
                "invalid_request",
                f"the books know no inference {inference_id}",
                http_status=404,
                tips=("It may belong to another tenant, or be older than the books.",),
            )
        return _json(timeline(*found))

    async def _inference(self, tenant_id: str, inference_id: UUID) -> tuple[Row, list[Row]] | None:
        """Whoever asks has its id, and maybe its answer, from a moment ago: then the books are to know it, too."""
        found = await self._stores.summaries.inference(tenant_id, inference_id)
        if found is None or found[0]["settlement"] is None:
            with suppress(KafkaError):  # the books say what they know
                await self._caught_up(_CATCH_UP_S)
            found = await self._stores.summaries.inference(tenant_id, inference_id)
        return found


def make_routes() -> list[Route]:
    async def summary(request: Request) -> Response:
        return await _api(request).summary(request)

    async def timeseries(request: Request) -> Response:
        return await _api(request).timeseries(request)

    async def errors(request: Request) -> Response:
        return await _api(request).errors(request)

    async def sessions(request: Request) -> Response:
        return await _api(request).sessions(request)

    async def shadows(request: Request) -> Response:
        return await _api(request).shadows(request)

    async def inference(request: Request) -> Response:
        return await _api(request).inference(request)

    return [
        *lists.make_routes(),
        *health.make_routes(),
        Route("/api/models/custom/monitoring", summary),
        Route("/api/monitoring/summary", summary),
        Route("/api/monitoring/timeseries", timeseries),
        Route("/api/monitoring/errors", errors),
        Route("/api/monitoring/sessions", sessions),
        Route("/api/monitoring/shadows", shadows),
        Route("/api/inferences/{inference_id}", inference),
    ]


async def on_tallygate_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, TallygateError):
        raise error
    failed = error.failure
    return Response(
        orjson.dumps(render.problem(failed)), failed.http_status, render.headers(failed), "application/problem+json"
    )


async def on_http_exception(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 400
    detail = f"the monitor does not answer {request.method} {request.url.path}"
    return await on_tallygate_error(request, TallygateError("endpoint_not_found", detail, http_status=status, tips=()))


async def on_unavailable(request: Request, error: Exception) -> Response:
    detail = f"the database cannot do it now: {type(error).__name__}"
    return await on_tallygate_error(request, TallygateError("unavailable", detail, retry_after_s=2.0))


async def on_unstorable(request: Request, _: Exception) -> Response:
    detail = "a value of the request holds a character that cannot be stored"
    return await on_tallygate_error(request, TallygateError("invalid_request", detail))


async def on_anything_else(request: Request, _: Exception) -> Response:
    return await on_tallygate_error(request, TallygateError("internal", "the monitor failed; its log says why"))


def _api(request: Request) -> MonitorApi:
    api: MonitorApi = request.app.state.api
    return api


def _json(body: dict[str, object]) -> Response:
    return Response(orjson.dumps(body), 200, media_type="application/json")


def _parsed(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise TallygateError("invalid_request", "the inference id is not a UUID", http_status=404) from None
