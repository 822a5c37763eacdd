"""Prometheus instruments: how each process counts, within bounds, and how it tells.

Each instrument stands where it is counted: in the `instruments.py` of its service, or in the module of shared/ that
counts. So a process tells of those that its own code counts, and of no others (docs/metrics.md).

No label has values without bound: none takes words of tenants, endpoints or callers, and of each instrument there are
MAX_SERIES at most.
"""

import importlib.metadata
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Self

import prometheus_client
from prometheus_client import REGISTRY, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

from shared.telemetry import names

# Requests and model calls last from milliseconds to minutes.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
CHUNK_SECONDS = (0.0005, 0.001, 0.0025, *SECONDS)

# Of one instrument. What comes after them is counted under OTHER, in every label.
MAX_SERIES = 1000
OTHER = "other"
_REMEMBERED = 20 * MAX_SERIES  # of all counters, of all histograms, and of all gauges

disable_created_metrics()  # type: ignore[no-untyped-call]  # they would be a second series of each counter, and one more of each histogram


class Counter(prometheus_client.Counter):
    @lru_cache(maxsize=_REMEMBERED)  # noqa: B019 - instruments are as old as their process
    def labels(self, *labelvalues: object, **_: object) -> Self:
        return super().labels(*_bounded(self, labelvalues))


class Histogram(prometheus_client.Histogram):
    @lru_cache(maxsize=_REMEMBERED)  # noqa: B019
    def labels(self, *labelvalues: object, **_: object) -> Self:
        return super().labels(*_bounded(self, labelvalues))


class Gauge(prometheus_client.Gauge):
    @lru_cache(maxsize=_REMEMBERED)  # noqa: B019
    def labels(self, *labelvalues: object, **_: object) -> Self:
        return super().labels(*_bounded(self, labelvalues))


def _bounded(instrument: Any, values: tuple[object, ...]) -> tuple[object, ...]:
    series = instrument._metrics
    if values in series or len(series) < MAX_SERIES - 1:
        return values
    return (OTHER,) * len(values)


def begin_at_zero(counter: Counter, *series: tuple[str, ...]) -> None:
    """series: values of all labels that are known beforehand. One that begins at 1 would show no increase."""
    for values in series:
        counter.labels(*values)


_build = Gauge(names.METRIC_BUILD, "1, with the service and the version of this process.", ("service", "version"))

# Measures what costs a question, such as one to the database, when somebody scrapes it and at no other time.
Measure = Callable[[], Awaitable[None]]


def metrics_route(service: str) -> Callable[[Request], Awaitable[Response]]:
    """In OpenMetrics, with exemplars, for who asks for it. The service may put a `measure` into `app.state`."""
    _build.labels(service, importlib.metadata.version("tallygate")).set(1)

    async def metrics_endpoint(request: Request) -> Response:
        measure: Measure | None = getattr(request.app.state, "measure", None)
        if measure is not None:
            await measure()
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(REGISTRY), headers={"content-type": content_type})

    return metrics_endpoint
