"""The SQL of series: one measure by step of time and group, the smaller groups together."""

from datetime import datetime

from services.monitor.reading.store import SETTINGS, Span, arguments, reading
from services.monitor.rollups.sums.store import (
    CALLS,
    CALLS_IN_ALL,
    CALLS_OF_KEYS,
    KEY_CALLS,
    KEY_REQUESTS,
    REQUESTS,
    REQUESTS_IN_ALL,
    REQUESTS_OF_KEYS,
    Kind,
    cells,
)
from services.monitor.series.series import STEPS, Axis, Measure, Named
from shared.db.reads import Reads
from shared.errors import TallygateError

_OF_ALL = {"requests": REQUESTS, "calls": CALLS}
_BY_KEY = {"requests": KEY_REQUESTS, "calls": KEY_CALLS}
_OF_KEYS = {"requests": REQUESTS_OF_KEYS, "calls": CALLS_OF_KEYS}
_IN_ALL = {"requests": REQUESTS_IN_ALL, "calls": CALLS_IN_ALL}

# $13 the beginning, $14 a step in seconds, $15 how many groups have series of their own.
_PLACE = "floor(extract(epoch FROM at - $13::timestamptz) / $14::float8)::int"
# A join with the largest would be planned for few cells, as a loop over all of them for each.
_NAMED = """
CASE WHEN name IN (SELECT name FROM cell GROUP BY name ORDER BY sum(n) DESC NULLS LAST, name LIMIT $15) THEN name END
"""

_COUNTS = """
WITH cell AS MATERIALIZED (
         SELECT {group} AS name, {place} AS place, {counts} AS n FROM ({cells}) AS cell GROUP BY 1, 2),
     named AS (SELECT {named} AS name, place, sum(n)::float8 AS n FROM cell GROUP BY 1, 2)
SELECT name, array_agg(place) AS places, array_agg(n) AS values
FROM named WHERE n <> 0 GROUP BY name ORDER BY sum(n) DESC, name
"""

# The bucket that holds the share $16 of what is counted. As float8 counts are exact, too; sums of bigint are numeric,
# which is slow.
_PERCENTILES = """
WITH cell AS MATERIALIZED (
         SELECT {group} AS name, {place} AS place, bucket::int AS bucket, sum(count::float8) AS n
         FROM ({cells}) AS cell, jsonb_each_text({counts}) AS h (bucket, count) GROUP BY 1, 2, 3),
     named AS (SELECT {named} AS name, place, bucket, sum(n) AS n FROM cell GROUP BY 1, 2, 3),
     counted AS (
         SELECT name, place, bucket, n, sum(n) OVER (PARTITION BY name, place ORDER BY bucket) AS upto,
                sum(n) OVER (PARTITION BY name, place) AS total, sum(n) OVER (PARTITION BY name) AS size
         FROM named),
     found AS (
         SELECT name, place, min(bucket) AS bucket, min(size) AS size
         FROM counted WHERE upto >= $16::float8 * total GROUP BY 1, 2)
SELECT name, array_agg(place) AS places, array_agg(bucket::float8) AS values
FROM found GROUP BY name ORDER BY min(size) DESC, name
"""


class SeriesStore:
    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def read(self, span: Span, axis: Axis, measure: Measure, group: str | None) -> list[Named]:
        """span: as long as the axis. group: a column. Raises TallygateError when there are no sums of such steps."""
        kind = _kind(span, measure, group)
        asked = [axis.since, axis.length.total_seconds(), axis.series]
        if measure.share is not None:
            asked.append(measure.share)
        async with self._reads.snapshot(span.tenant_id) as connection:
            await connection.execute(SETTINGS)
            parts, gone_before = await reading(connection, span, late=kind.is_by_key, largest=STEPS[axis.step].sums)
            if STEPS[axis.step].sums == "minute" and axis.since < gone_before:
                raise _too_old(axis.step, gone_before)
            rows = await connection.fetch(_statement(kind, measure, group), *arguments(span, parts), *asked)
        return [Named(row["name"], row["places"], row["values"]) for row in rows]


def _kind(span: Span, measure: Measure, group: str | None) -> Kind:
    """That of the fewest rows which tell apart what is asked for."""
    by_key = group == "key_id" or span.key is not None
    together = group in {None, "key_id"} and span.model is None and span.operation is None
    if by_key:
        return (_OF_KEYS if together else _BY_KEY)[measure.of]
    return (_IN_ALL if together else _OF_ALL)[measure.of]


def _statement(kind: Kind, measure: Measure, group: str | None) -> str:
    name = group or "''::text"
    words = {"group": name, "place": _PLACE, "counts": measure.counts, "cells": cells(kind), "named": _NAMED}
    return (_COUNTS if measure.share is None else _PERCENTILES).format(**words)


def _too_old(step: str, kept_from: datetime) -> TallygateError:
    return TallygateError(
        "invalid_request",
        f"there are no sums by minute of what is older than {kept_from.isoformat()}, so none for step={step}",
        tips=("Send step=1h, or a later from.",),
    )
