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
    by_bucket,
    cells,
)
from services.monitor.series.series import STEPS, Axis, Measure, Named
from shared.db.pool import Connection
from shared.db.reads import Reads
from shared.errors import TallygateError

_OF_ALL = {"requests": REQUESTS, "calls": CALLS}
_BY_KEY = {"requests": KEY_REQUESTS, "calls": KEY_CALLS}
_OF_KEYS = {"requests": REQUESTS_OF_KEYS, "calls": CALLS_OF_KEYS}
_IN_ALL = {"requests": REQUESTS_IN_ALL, "calls": CALLS_IN_ALL}

# $14 the beginning, $15 a step in seconds; of percentiles $16 the share; last how many groups have series of their own,
# or which keys, where these were found before.
_PLACE = "floor(date_part('epoch', at - $14::timestamptz) / $15::float8)::int"
# A join with the largest would be planned for few cells, as a loop over all of them for each.
_NAMED = """
CASE WHEN name IN (SELECT name FROM cell GROUP BY name ORDER BY sum(n) DESC NULLS LAST, name LIMIT {}) THEN name END
"""

# Keys may be thousands: the largest are found from the longest sums, and only theirs are read step by step. What the
# others come to is everything less the largest.
_LARGEST = """
SELECT key_id FROM ({cells}) AS cell GROUP BY 1 ORDER BY {size} DESC NULLS LAST, key_id LIMIT $14
"""
_TOTAL = "({counts}).upto[cardinality(({counts}).upto)]::float8"

# Dollars are rounded, so that nothing is left of what is taken off again.
_COUNTED = "SELECT {group} AS name, {place} AS place, {counts} AS n FROM ({cells}) AS cell GROUP BY 1, 2"
_COUNTS_NAMED = {
    False: f"SELECT {_NAMED.format('$16')} AS name, place, sum(n) AS n FROM cell GROUP BY 1, 2",  # noqa: S608
    True: """
SELECT name, place, n FROM cell
UNION ALL
SELECT NULL, place, round(sum(n)::numeric, 9)::float8
FROM (SELECT place, n FROM everything UNION ALL SELECT place, -n FROM cell) AS other GROUP BY 2
""",
}
_COUNTS = """
WITH {parts}, named AS ({named})
SELECT name, array_agg(place) AS places, array_agg(n) AS values
FROM named WHERE n <> 0 GROUP BY name ORDER BY sum(n) DESC, name
"""

# The bucket that holds the share of what is counted. Mostly one row is all that a series has at a place, and its bucket
# is looked up in it; where there are several, their histograms are added up.
_HISTOGRAMS = f"""
SELECT {{group}} AS name, {{place}} AS place, {{counts}} AS histogram, {_TOTAL} AS n
FROM ({{cells}}) AS cell WHERE {{counts}} IS NOT NULL
"""  # noqa: S608 - only constants are joined
_HISTOGRAMS_NAMED = {
    False: f"SELECT {_NAMED.format('$17')} AS name, place, histogram, n FROM cell",  # noqa: S608
    True: "SELECT * FROM cell",
}
_HISTOGRAMS_OF_OTHERS = {
    False: "",
    True: f"""
UNION ALL
SELECT NULL, place, bucket, sum(n)
FROM ({by_bucket("everything", "histogram", "place")}
      UNION ALL
      SELECT place, bucket, -n FROM ({by_bucket("cell", "histogram", "place")}) AS largest) AS other
GROUP BY 2, 3 HAVING sum(n) > 0
""",  # noqa: S608
}
_OF_SEVERAL = """named
         WHERE (coalesce(name, ''), name IS NULL, place) IN (
             SELECT coalesce(name, ''), name IS NULL, place FROM point WHERE rows > 1)"""
_PERCENTILES = f"""
WITH {{parts}},
     named AS NOT MATERIALIZED ({{named}}),
     point AS MATERIALIZED (
         SELECT name, place, sum(n) AS n, count(*) AS rows,
                min((histogram).buckets[
                    1 + width_bucket(ceil($16::float8 * n)::bigint - 1, (histogram).upto)]) AS bucket
         FROM named GROUP BY 1, 2),
     bucket AS (
         SELECT name, place, bucket, sum(n) AS n FROM ({by_bucket(_OF_SEVERAL, "histogram", "name", "place")}) AS entry
         GROUP BY 1, 2, 3 {{others}}),
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
        async with self._reads.snapshot(span.tenant_id) as connection:
            await connection.execute(SETTINGS)
            parts, gone_before = await reading(connection, span, late=kind.is_by_key, largest=STEPS[axis.step].sums)
            if STEPS[axis.step].sums == "minute" and axis.since < gone_before:
                raise _too_old(axis.step, gone_before)
            asked = [*arguments(span, parts), axis.since, axis.length.total_seconds()]
            if measure.share is not None:
                asked.append(measure.share)
            keys: list[str] = []
            if group == "key_id" and span.key is None:
                keys = await _largest(connection, span, kind, measure, axis.series + 1)
            if len(keys) > axis.series:
                statement = _statement_of_largest(span, kind, measure)
                rows = await connection.fetch(statement, *asked, keys[: axis.series])
            else:
                rows = await connection.fetch(_statement(span, kind, measure, group), *asked, axis.series)
        return [Named(row["name"], row["places"], row["values"]) for row in rows]


async def _largest(connection: Connection, span: Span, kind: Kind, measure: Measure, most: int) -> list[str]:
    """Keys, the largest first."""
    parts = (await reading(connection, span, late=True)).parts
    size = measure.counts if measure.share is None else f"sum({_TOTAL.format(counts=measure.counts)})"
    statement = _LARGEST.format(size=size, cells=cells(kind))
    return [row["key_id"] for row in await connection.fetch(statement, *arguments(span, parts), most)]


def _kind(span: Span, measure: Measure, group: str | None) -> Kind:
    """That of the fewest rows which tell apart what is asked for."""
    by_key = group == "key_id" or span.key is not None
    together = group in {None, "key_id"} and span.model is None and span.operation is None
    if by_key:
        return (_OF_KEYS if together else _BY_KEY)[measure.of]
    return (_IN_ALL if together else _OF_ALL)[measure.of]


def _statement(span: Span, kind: Kind, measure: Measure, group: str | None) -> str:
    part = _part(measure, group, cells(kind, "$12" if span.key else None))
    return _put_together(measure, f"cell AS MATERIALIZED ({part})", of_largest=False)


def _statement_of_largest(span: Span, kind: Kind, measure: Measure) -> str:
    """Of the keys that are the last parameter, and of all others."""
    cell = _part(measure, "key_id", cells(kind, "$16" if measure.share is None else "$17"))
    everything = _part(measure, None, cells(_kind(span, measure, None)))
    return _put_together(measure, f"cell AS MATERIALIZED ({cell}), everything AS ({everything})", of_largest=True)


def _part(measure: Measure, group: str | None, rows: str) -> str:
    words = {"group": group or "''::text", "place": _PLACE, "counts": measure.counts, "cells": rows}
    return (_COUNTED if measure.share is None else _HISTOGRAMS).format(**words)


def _put_together(measure: Measure, parts: str, *, of_largest: bool) -> str:
    if measure.share is None:
        return _COUNTS.format(parts=parts, named=_COUNTS_NAMED[of_largest])
    named, others = _HISTOGRAMS_NAMED[of_largest], _HISTOGRAMS_OF_OTHERS[of_largest]
    return _PERCENTILES.format(parts=parts, named=named, others=others)


def _too_old(step: str, kept_from: datetime) -> TallygateError:
    return TallygateError(
        "invalid_request",
        f"there are no sums by minute of what is older than {kept_from.isoformat()}, so none for step={step}",
        tips=("Send step=1h, or a later from.",),
    )
