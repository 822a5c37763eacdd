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
    in_buckets,
)
from services.monitor.series.series import STEPS, Axis, Measure, Named
from shared.db.reads import Reads
from shared.errors import TallygateError

_OF_ALL = {"requests": REQUESTS, "calls": CALLS}
_BY_KEY = {"requests": KEY_REQUESTS, "calls": KEY_CALLS}
_OF_KEYS = {"requests": REQUESTS_OF_KEYS, "calls": CALLS_OF_KEYS}
_IN_ALL = {"requests": REQUESTS_IN_ALL, "calls": CALLS_IN_ALL}

# $13 the beginning, $14 a step in seconds, $15 how many groups have series of their own.
_PLACE = "floor(date_part('epoch', at - $13::timestamptz) / $14::float8)::int"
# A join with the largest would be planned for few cells, as a loop over all of them for each.
_NAMED = """
CASE WHEN name IN (SELECT name FROM cell GROUP BY name ORDER BY sum(n) DESC NULLS LAST, name LIMIT $15) THEN name END
"""

_COUNTS = f"""
WITH cell AS MATERIALIZED (
         SELECT {{group}} AS name, {_PLACE} AS place, {{counts}} AS n FROM ({{cells}}) AS cell GROUP BY 1, 2),
     named AS (SELECT {_NAMED} AS name, place, sum(n)::float8 AS n FROM cell GROUP BY 1, 2)
SELECT name, array_agg(place) AS places, array_agg(n) AS values
FROM named WHERE n <> 0 GROUP BY name ORDER BY sum(n) DESC, name
"""  # noqa: S608 - only constants are joined

# The bucket that holds the share $16 of what is counted. Mostly one row is all that a series has at a place, and its
# bucket is looked up in it; where there are several, their histograms are added up.
_PERCENTILES = f"""
WITH cell AS MATERIALIZED (
         SELECT {{group}} AS name, {_PLACE} AS place, {{counts}} AS histogram,
                ({{counts}}).upto[cardinality(({{counts}}).upto)]::float8 AS n
         FROM ({{cells}}) AS cell WHERE {{counts}} IS NOT NULL),
     named AS NOT MATERIALIZED (SELECT {_NAMED} AS name, place, histogram, n FROM cell),
     point AS MATERIALIZED (
         SELECT name, place, sum(n) AS n, count(*) AS rows,
                min((histogram).buckets[
                    1 + width_bucket(ceil($16::float8 * n)::bigint - 1, (histogram).upto)]) AS bucket
         FROM named GROUP BY 1, 2),
     bucket AS (
         SELECT name, place, bucket, sum(in_bucket.n) AS n FROM named, {in_buckets("histogram")}
         WHERE (coalesce(name, ''), name IS NULL, place) IN (
             SELECT coalesce(name, ''), name IS NULL, place FROM point WHERE rows > 1)
         GROUP BY 1, 2, 3),
     counted AS (
         SELECT name, place, bucket, sum(n) OVER (PARTITION BY name, place ORDER BY bucket) AS upto,
                sum(n) OVER (PARTITION BY name, place) AS total
         FROM bucket),
     found AS (
         SELECT name, place, bucket, n FROM point WHERE rows = 1
         UNION ALL
         SELECT name, place, min(bucket), max(total) FROM counted WHERE upto >= $16::float8 * total GROUP BY 1, 2)
SELECT name, array_agg(place) AS places, array_agg(bucket::float8) AS values
FROM found GROUP BY name ORDER BY sum(n) DESC, name
"""  # noqa: S608


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
    words = {"group": name, "counts": measure.counts, "cells": cells(kind)}
    return (_COUNTS if measure.share is None else _PERCENTILES).format(**words)


def _too_old(step: str, kept_from: datetime) -> TallygateError:
    return TallygateError(
        "invalid_request",
        f"there are no sums by minute of what is older than {kept_from.isoformat()}, so none for step={step}",
        tips=("Send step=1h, or a later from.",),
    )
