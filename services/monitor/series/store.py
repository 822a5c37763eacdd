"""The SQL of series: one measure by step of time and group, the smaller groups together."""

from datetime import datetime

from services.monitor.reading.store import SETTINGS, Span, arguments, reading
from services.monitor.rollups.sums.store import CALLS, KEY_CALLS, KEY_REQUESTS, REQUESTS, Kind, cells
from services.monitor.series.series import STEPS, Axis, Measure, Named
from shared.db.reads import Reads
from shared.errors import TallygateError

_OF_ALL = {"requests": REQUESTS, "calls": CALLS}
_BY_KEY = {"requests": KEY_REQUESTS, "calls": KEY_CALLS}

# $12 the beginning, $13 a step in seconds, $14 how many groups have series of their own.
_PLACE = "floor(extract(epoch FROM at - $12::timestamptz) / $13::float8)::int"
_TOP = "SELECT name FROM cell GROUP BY name ORDER BY sum(n) DESC NULLS LAST, name LIMIT $14"

_COUNTS = """
WITH cell AS MATERIALIZED (
         SELECT {group} AS name, {place} AS place, {counts} AS n FROM ({cells}) AS cell GROUP BY 1, 2),
     top AS ({top}),
     named AS (
         SELECT top.name, place, sum(n)::float8 AS n FROM cell LEFT JOIN top ON top.name = cell.name GROUP BY 1, 2)
SELECT name, array_agg(place) AS places, array_agg(n) AS values
FROM named WHERE n <> 0 GROUP BY name ORDER BY sum(n) DESC, name
"""

# The bucket that holds the share $15 of what is counted.
_PERCENTILES = """
WITH cell AS MATERIALIZED (
         SELECT {group} AS name, {place} AS place, bucket::int AS bucket, sum(count::bigint) AS n
         FROM ({cells}) AS cell, jsonb_each_text({counts}) AS h (bucket, count) GROUP BY 1, 2, 3),
     top AS ({top}),
     named AS (
         SELECT top.name, place, bucket, sum(n) AS n FROM cell LEFT JOIN top ON top.name = cell.name GROUP BY 1, 2, 3),
     counted AS (
         SELECT name, place, bucket, n, sum(n) OVER (PARTITION BY name, place ORDER BY bucket) AS upto,
                sum(n) OVER (PARTITION BY name, place) AS total, sum(n) OVER (PARTITION BY name) AS size
         FROM named),
     found AS (
         SELECT name, place, min(bucket) AS bucket, min(size) AS size
         FROM counted WHERE upto >= $15::float8 * total GROUP BY 1, 2)
SELECT name, array_agg(place) AS places, array_agg(bucket::float8) AS values
FROM found GROUP BY name ORDER BY min(size) DESC, name
"""


class SeriesStore:
    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def read(self, span: Span, axis: Axis, measure: Measure, group: str | None) -> list[Named]:
        """span: as long as the axis. group: a column. Raises TallygateError when there are no sums of such steps."""
        by_key = group == "key_id" or span.key is not None
        kind = (_BY_KEY if by_key else _OF_ALL)[measure.of]
        asked = [axis.since, axis.length.total_seconds(), axis.series]
        if measure.share is not None:
            asked.append(measure.share)
        async with self._reads.snapshot(span.tenant_id) as connection:
            await connection.execute(SETTINGS)
            parts, gone_before = await reading(connection, span, late=by_key, largest=STEPS[axis.step].sums)
            if STEPS[axis.step].sums == "minute" and axis.since < gone_before:
                raise _too_old(axis.step, gone_before)
            rows = await connection.fetch(_statement(kind, measure, group), *arguments(span, parts), *asked)
        return [Named(row["name"], row["places"], row["values"]) for row in rows]


def _statement(kind: Kind, measure: Measure, group: str | None) -> str:
    words = {"group": group or "''::text", "place": _PLACE, "counts": measure.counts, "cells": cells(kind), "top": _TOP}
    return (_COUNTS if measure.share is None else _PERCENTILES).format(**words)


def _too_old(step: str, kept_from: datetime) -> TallygateError:
    return TallygateError(
        "invalid_request",
        f"there are no sums by minute of what is older than {kept_from.isoformat()}, so none for step={step}",
        tips=("Send step=1h, or a later from.",),
    )
