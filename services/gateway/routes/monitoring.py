"""/api/monitoring: the books, summed up by the monitor, for any range."""

from typing import Literal

from fastapi import APIRouter, Request, Response

from services.gateway.answers.monitoring import ErrorGroups, Sessions, Shadows, Summary, Timeseries
from services.gateway.bodies import Query, validated
from services.gateway.gateway import gateway_of
from services.gateway.monitor_client import ask_monitor
from services.gateway.routes.documented import documented
from services.gateway.routes.lists import RangeQuery
from shared.client.requests import SHADOWS
from shared.errors import ErrorType
from shared.events.bounds import Name, Reference
from shared.operations import Operation

router = APIRouter(tags=["monitoring"])

PATH = "/api/models/custom/monitoring"
SUMMARY, TIMESERIES, ERRORS = "/api/monitoring/summary", "/api/monitoring/timeseries", "/api/monitoring/errors"
SESSIONS = "/api/monitoring/sessions"

Measure = Literal[
    "requests", "failures", "attempts", "failed_attempts", "tokens", "cost", "p50", "p95", "p99", "first_chunk_p50",
    "first_chunk_p95", "first_chunk_p99", "per_chunk_p50", "per_chunk_p95", "per_chunk_p99",
]  # fmt: skip


class SummaryQuery(RangeQuery):
    """key: the id of an API key. The range goes back 400 days at most; what an earlier `from` asks for is cut off."""

    model: Reference | None = None
    operation: Operation | None = None
    key: Name | None = None


class TimeseriesQuery(SummaryQuery):
    """step: by default the shortest that makes about 400 points; a series has at most 2000."""

    measure: Measure = "requests"
    group: Literal["model", "error_type", "key", "operation"] | None = None
    step: Literal["1m", "5m", "1h", "1d"] | None = None


class ErrorsQuery(RangeQuery):
    model: Reference | None = None
    error_type: ErrorType | None = None


@router.get(PATH)
@documented(query=SummaryQuery, gives=Summary, limited=True)
async def monitoring(request: Request) -> Response:
    """As /api/monitoring/summary, under the path that it had first."""
    return await _asked(request, PATH, SummaryQuery)


@router.get(SUMMARY)
@documented(query=SummaryQuery, gives=Summary, limited=True)
async def summary(request: Request) -> Response:
    """Requests, attempts, speed, tokens, costs, health and the last errors. More than an hour is told of whole minutes;
    `from` and `to` say of which."""
    return await _asked(request, SUMMARY, SummaryQuery)


@router.get(TIMESERIES)
@documented(query=TimeseriesQuery, gives=Timeseries, limited=True)
async def timeseries(request: Request) -> Response:
    """One measure by steps of time. Of many groups the largest have series; the others have one together, `other`."""
    return await _asked(request, TIMESERIES, TimeseriesQuery)


@router.get(ERRORS)
@documented(query=ErrorsQuery, gives=ErrorGroups, limited=True)
async def errors(request: Request) -> Response:
    """Calls that failed, and inferences that ended otherwise than completed without a call, by what they were."""
    return await _asked(request, ERRORS, ErrorsQuery)


@router.get(SESSIONS)
@documented(query=RangeQuery, gives=Sessions, limited=True)
async def sessions(request: Request) -> Response:
    """What the requests of each session (`x-tallygate-session`) that were settled in the range came to, the dearest
    first; of many, the others together."""
    return await _asked(request, SESSIONS, RangeQuery)


@router.get(SHADOWS)
@documented(query=RangeQuery, gives=Shadows, limited=True)
async def shadows(request: Request) -> Response:
    """How copies for models on trial (`/api/shadow`) compare with the requests that they are copies of: of those copies
    that were settled in the range."""
    return await _asked(request, SHADOWS, RangeQuery)


async def _asked(request: Request, path: str, query: type[Query]) -> Response:
    gateway = gateway_of(request)
    gateway.admit(request, await gateway.caller(request, "monitor"))
    validated(query, dict(request.query_params))
    answer = await ask_monitor(gateway.monitor, request, path)
    return Response(answer.body, answer.status, media_type=answer.content_type)
