"""Which sums, and which rows of the books, cover a span of time now. Every read is bound to a tenant."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from services.monitor.rollups.cover import Cover, cover, whole
from services.monitor.rollups.latency import BOUNDS, Histogram
from services.monitor.rollups.steps import STEPS, Step, beginning
from shared.db.pool import Connection

# To plan for every partition takes longer than to read the few rows: a connection plans once, for any span. So the
# planner cannot know how few rows of a table are read: they are found by index. A year of percentiles by key fits in
# memory.
SETTINGS = """
SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL jit = off; SET LOCAL enable_seqscan = off;
SET LOCAL work_mem = '32MB'
"""

_FRESH = """
SELECT ARRAY(SELECT DISTINCT at FROM monitor.touched_slices WHERE tenant_id = $1) AS slice,
       ARRAY(SELECT at FROM monitor.sliced_minutes WHERE tenant_id = $1) AS sliced,
       ARRAY(SELECT at FROM monitor.touched_key_minutes WHERE tenant_id = $1 AND $2) AS minute,
       ARRAY(SELECT at FROM monitor.touched_hours WHERE tenant_id = $1) AS hour,
       ARRAY(SELECT at FROM monitor.touched_days WHERE tenant_id = $1) AS day,
       ARRAY(SELECT at FROM monitor.touched_months WHERE tenant_id = $1) AS month,
       (SELECT gone_before FROM monitor.retention) AS gone_before
"""


class Span(NamedTuple):
    """What is asked about: a tenant, a span of time, and one model, operation and key or (None) all of them. In UTC."""

    tenant_id: str
    since: datetime
    until: datetime
    model: str | None = None
    operation: str | None = None
    key: str | None = None


class Reading(NamedTuple):
    """gone_before: what is older has no sums by minute, and maybe no rows."""

    parts: Cover
    gone_before: datetime


async def reading(
    connection: Connection, span: Span, *, late: bool, largest: Step = "month", slices: bool = True
) -> Reading:
    """late: for sums by key and of errors, whose minutes are made when they are over. largest: the longest sums of
    use. slices: whether there are sums by slice."""
    [row] = await connection.fetch(_FRESH, span.tenant_id, late)
    since, until = whole(span.since, span.until, row["gone_before"])
    touched = {at: beginning(at, "minute") for at in row["slice"]}
    fresh: dict[Step, Collection[datetime]] = {step: row[step] for step in STEPS}
    fresh["minute"] = {*row["minute"], *touched.values()}
    sliced = {minute: [at for at, of in touched.items() if of == minute] for minute in row["sliced"] if slices}
    parts = cover(since, until, fresh, largest, sliced)
    return Reading(parts, row["gone_before"])


def arguments(span: Span, parts: Cover) -> tuple[Any, ...]:
    """$1 to $13 of `cells`."""
    keys = None if span.key is None else [span.key]
    return (*_spans(span, parts), BOUNDS, *_sums(span, parts), span.model, span.operation, keys, parts.slices)


def error_arguments(span: Span, parts: Cover, error_type: str | None) -> tuple[Any, ...]:
    """$1 to $10 of `ERRORS.of_span`."""
    return (*_spans(span, parts), *_sums(span, parts), span.model, error_type)


def session_arguments(span: Span, parts: Cover) -> tuple[Any, ...]:
    """$1 to $8 of `SESSIONS.of_span`."""
    return (*_spans(span, parts), *_sums(span, parts))


def histogram(counts: Mapping[str, int]) -> Histogram:
    return {int(bucket): n for bucket, n in counts.items()}


def _spans(span: Span, parts: Cover) -> tuple[list[str], list[datetime], list[datetime]]:
    """Tenants, since and until: three columns."""
    return [span.tenant_id] * len(parts.spans), [first for first, _ in parts.spans], [last for _, last in parts.spans]


def _sums(span: Span, parts: Cover) -> tuple[Any, ...]:
    """The tenant, and of each step the beginnings of the sums that are read."""
    return (span.tenant_id, *(parts.sums[step] for step in STEPS))
