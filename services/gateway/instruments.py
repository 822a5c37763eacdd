"""What the gateway counts."""

from shared.telemetry import names
from shared.telemetry.instruments import SECONDS, Counter, Gauge, Histogram

http_requests = Counter(names.METRIC_HTTP_REQUESTS, "HTTP requests answered.", ("route", "status"))
http_seconds = Histogram(names.METRIC_HTTP_SECONDS, "Time to answer HTTP requests.", ("route",), buckets=SECONDS)
first_chunk_seconds = Histogram(
    names.METRIC_FIRST_CHUNK_SECONDS, "From a request to the first chunk that its caller was told.", buckets=SECONDS
)
queue_age_seconds = Gauge(
    names.METRIC_QUEUE_AGE_SECONDS,
    "How long the oldest request that no router has claimed has been waiting; NaN while that is not known.",
)
rejections_unrecorded = Counter(
    names.METRIC_REJECTIONS_UNRECORDED, "Rejections that the broker did not take in time, so the books lack them."
)
upstream_replies = Counter(
    names.METRIC_UPSTREAM_REPLIES, "Replies to upstream services on their topics: told, or put off.", ("fate",)
)
