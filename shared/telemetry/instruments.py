"""Prometheus instruments, with the sentence that says what each one counts.

No label has values without bound: none takes words of tenants, endpoints or callers, and of each instrument there are
MAX_SERIES at most.
"""

from functools import lru_cache
from typing import Any, Self

import prometheus_client
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from shared.telemetry import names

# Model calls last from milliseconds to minutes.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

# Of one instrument. What comes after them is counted under OTHER, in every label.
MAX_SERIES = 1000
OTHER = "other"
_REMEMBERED = 20 * MAX_SERIES  # of all counters, and of all histograms


class Counter(prometheus_client.Counter):
    @lru_cache(maxsize=_REMEMBERED)  # noqa: B019 - instruments are as old as their process
    def labels(self, *labelvalues: object, **_: object) -> Self:
        return super().labels(*_bounded(self, labelvalues))


class Histogram(prometheus_client.Histogram):
    @lru_cache(maxsize=_REMEMBERED)  # noqa: B019
    def labels(self, *labelvalues: object, **_: object) -> Self:
        return super().labels(*_bounded(self, labelvalues))


def _bounded(instrument: Any, values: tuple[object, ...]) -> tuple[object, ...]:
    series = instrument._metrics
    if values in series or len(series) < MAX_SERIES - 1:
        return values
    return (OTHER,) * len(values)


http_requests = Counter(names.METRIC_HTTP_REQUESTS, "HTTP requests answered.", ("route", "status"))
http_seconds = Histogram(names.METRIC_HTTP_SECONDS, "Time to answer HTTP requests.", ("route",), buckets=_SECONDS)
attempts = Counter(names.METRIC_ATTEMPTS, "Model calls ended.", ("model", "outcome", "error_type"))
attempt_seconds = Histogram(names.METRIC_ATTEMPT_SECONDS, "Duration of model calls.", ("model",), buckets=_SECONDS)
attempt_first_chunk_seconds = Histogram(
    names.METRIC_ATTEMPT_FIRST_CHUNK_SECONDS, "From a streamed call to its first chunk with content.", ("model",),
    buckets=_SECONDS,
)  # fmt: skip
attempt_chunk_seconds = Histogram(
    names.METRIC_ATTEMPT_CHUNK_SECONDS, "Between two chunks of a call, from its first content on, on the average.",
    ("model",), buckets=(0.0005, 0.001, 0.0025, *_SECONDS),
)  # fmt: skip
_GEN_AI = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
gen_ai_seconds = Histogram(
    names.METRIC_GEN_AI_SECONDS, "Duration of inferences, as endpoints were called.", (*_GEN_AI, "error_type"),
    buckets=_SECONDS,
)  # fmt: skip
gen_ai_operation_seconds = Histogram(
    names.METRIC_GEN_AI_OPERATION_SECONDS, "Duration of other operations: embeddings, rerank.",
    (*_GEN_AI, "error_type"), buckets=_SECONDS,
)  # fmt: skip
gen_ai_first_chunk_seconds = Histogram(
    names.METRIC_GEN_AI_FIRST_CHUNK_SECONDS, "From a streamed call to its first chunk.", _GEN_AI, buckets=_SECONDS
)
gen_ai_chunk_seconds = Histogram(
    names.METRIC_GEN_AI_CHUNK_SECONDS, "Between two chunks of a call, on the average.", _GEN_AI,
    buckets=(0.0005, 0.001, 0.0025, *_SECONDS),
)  # fmt: skip
gen_ai_input_tokens = Counter(names.METRIC_GEN_AI_INPUT_TOKENS, "Tokens of prompts, cached ones included.", _GEN_AI)
gen_ai_output_tokens = Counter(names.METRIC_GEN_AI_OUTPUT_TOKENS, "Tokens of answers, thoughts included.", _GEN_AI)
gen_ai_cache_read_tokens = Counter(
    names.METRIC_GEN_AI_CACHE_READ_TOKENS, "Tokens of prompts that endpoints read from a cache.", _GEN_AI
)
gen_ai_cache_write_tokens = Counter(
    names.METRIC_GEN_AI_CACHE_WRITE_TOKENS, "Tokens of prompts that endpoints wrote to a cache.", _GEN_AI
)
gen_ai_reasoning_tokens = Counter(
    names.METRIC_GEN_AI_REASONING_TOKENS, "Tokens of answers that were thoughts.", _GEN_AI
)
settlements = Counter(names.METRIC_SETTLEMENTS, "Inferences settled by this process.", ("settlement", "error_type"))
in_flight = Gauge(names.METRIC_IN_FLIGHT, "Claimed inferences that this router is working on.")
in_line = Gauge(names.METRIC_IN_LINE, "Claimed inferences that wait in this router for their tenant's turn.")
claims = Counter(names.METRIC_CLAIMS, "Requests claimed, or handed back because the claim failed.", ("result",))
booked = Counter(names.METRIC_BOOKED, "Events written to the books.", ("kind",))
recovered = Counter(names.METRIC_RECOVERED, "Inferences taken back from lost or stopped routers.", ("action",))
book_seconds = Histogram(names.METRIC_BOOK_SECONDS, "Time to write one batch to the books.", buckets=_SECONDS)
lag_seconds = Gauge(names.METRIC_LAG_SECONDS, "Age of the newest event that was booked, while more are waiting.")
dead_letters = Counter(names.METRIC_DEAD_LETTERS, "Messages sent to a dead-letter topic.", ("topic", "reason"))
rejections_unrecorded = Counter(
    names.METRIC_REJECTIONS_UNRECORDED, "Rejections that the broker did not take in time, so the books lack them."
)
features = Counter(names.METRIC_FEATURES, "Feature jobs settled by this process.", ("settlement", "error_type"))
features_in_hand = Gauge(names.METRIC_FEATURES_IN_HAND, "Feature jobs that this worker is working on.")
waiting = Gauge(names.METRIC_WAITING, "Those who wait for a reply to this process.")
streams_followed = Gauge(names.METRIC_STREAMS, "Streams of answers that are told to callers of this process.")
first_chunk_seconds = Histogram(
    names.METRIC_FIRST_CHUNK_SECONDS,
    "From a request to the first chunk that its caller was told.",
    (),
    buckets=_SECONDS,
)


async def metrics_endpoint(_: Request) -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
