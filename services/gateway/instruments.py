"""What the gateway counts."""

from shared.telemetry import names
from shared.telemetry.instruments import SECONDS, Counter, Gauge, Histogram, begin_at_zero

http_requests = Counter(names.METRIC_HTTP_REQUESTS, "HTTP requests answered.", ("route", "status"))
http_seconds = Histogram(names.METRIC_HTTP_SECONDS, "Time to answer HTTP requests.", ("route",), buckets=SECONDS)
first_chunk_seconds = Histogram(
    names.METRIC_FIRST_CHUNK_SECONDS, "From a request to the first chunk that its caller was told.", buckets=SECONDS
)
queue_age_seconds = Gauge(
    names.METRIC_QUEUE_AGE_SECONDS,
    "How long the oldest request that no router has claimed has been waiting; NaN while that is not known.",
    ("topic",),
)
queue_length = Gauge(
    names.METRIC_QUEUE_LENGTH, "Requests that no router has claimed; NaN while that is not known.", ("topic",)
)
rejections_unrecorded = Counter(
    names.METRIC_REJECTIONS_UNRECORDED, "Rejections that the broker did not take in time, so the books lack them."
)
shadows = Counter(
    names.METRIC_SHADOWS,
    "Copies of requests for a model that is tried beside the others: copied, dropped because too many waited or the "
    "broker did not take them, or over_budget.",
    ("result",),
)
batch_lines = Counter(names.METRIC_BATCH_LINES_BEGUN, "Lines of batches that were begun here and acked.")
file_bytes = Counter(
    names.METRIC_FILE_BYTES, "Bytes of files, as callers know them, that gateways stored or read.", ("way",)
)
files_purged = Counter(
    names.METRIC_FILES_PURGED, "Files whose bytes were to be deleted: done, or failed and tried again.", ("outcome",)
)
ingress_records = Counter(
    names.METRIC_INGRESS_RECORDS, "Records of ingress topics that were read, and dealt with.", ("topic",)
)
ingress_requests = Counter(
    names.METRIC_INGRESS_REQUESTS,
    "Requests of upstream services: taken, or the error type for which they were refused.",
    ("topic", "result"),
)
ingress_age_seconds = Gauge(
    names.METRIC_INGRESS_AGE_SECONDS,
    "How old the oldest record of an ingress topic is that this gateway has in hand; 0 while it has none.",
    ("topic",),
)
ingress_waiting = Gauge(
    names.METRIC_INGRESS_WAITING,
    "Records of an ingress topic that lie on this gateway's partitions and were not dealt with.",
    ("topic",),
)
upstream_replies = Counter(
    names.METRIC_UPSTREAM_REPLIES, "Replies to upstream services on their topics: told, or put off.", ("fate",)
)

begin_at_zero(shadows, ("copied",), ("dropped",), ("over_budget",))
begin_at_zero(upstream_replies, ("told",), ("failed",))
