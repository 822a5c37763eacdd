"""The monitor's API: what is in the books, for the tenant of the API key."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.monitor.books.lag import Lag
from services.monitor.books.store import FeatureBooks
from services.monitor.lists import routes as lists
from services.monitor.ranges import parse_window
from services.monitor.summary.store import Row, Span, SummaryStore
from services.monitor.summary.summary import summarize
from services.monitor.summary.timeline import timeline
from shared.access import Authenticator
from shared.errors import TallygateError, render
from shared.events import utc_now
from shared.kafka import KafkaError
from shared.registry import Price, canonical_reference

_ERRORS_SHOWN = 20
_CATCH_UP_S = 2.0


class MonitorApi:
    def __init__(
        self, store: SummaryStore, features: FeatureBooks, authenticator: Authenticator, lag: Lag,
        reference: Price | None, caught_up: Callable[[float], Awaitable[object]],
    ) -> None:  # fmt: skip
        """caught_up: returns when everything that is on the topics is booked, or after so many seconds."""
        self._store = store
        self._features = features
        self._authenticator = authenticator
        self._lag = lag
        self._reference = reference
        self._caught_up = caught_up

    async def monitoring(self, request: Request) -> Response:
        caller = await self._authenticator.caller(request.headers)
        caller.require("monitor")
        now = utc_now()
        window = parse_window(request.query_params.get("window", "1h"))
        model = canonical_reference(request.query_params.get("model"))
        span = Span(caller.tenant_id, now - window, now, model)
        rows = await self._store.summary(span, _ERRORS_SHOWN)
        features = await self._features.summary(caller.tenant_id, span.since, span.until)
        summary = summarize(rows, now, await self._lag.seconds(), self._reference)
        return _json(summary | {"features": features})

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
        found = await self._store.inference(tenant_id, inference_id)
        if found is None or found[0]["settlement"] is None:
            with suppress(KafkaError):  # the books say what they know
                await self._caught_up(_CATCH_UP_S)
            found = await self._store.inference(tenant_id, inference_id)
        return found


def make_routes() -> list[Route]:
    async def monitoring(request: Request) -> Response:
        return await _api(request).monitoring(request)

    async def inference(request: Request) -> Response:
        return await _api(request).inference(request)

    return [
        *lists.make_routes(),
        Route("/api/models/custom/monitoring", monitoring),
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
