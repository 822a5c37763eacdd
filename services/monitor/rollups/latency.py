"""Pure: durations counted in log-scaled buckets, so that the percentiles of any window are read from sums.

The bounds are defined here and nowhere else; the database sorts by them (`width_bucket`). Bucket n holds what is at
least BOUNDS[n - 1] and less than BOUNDS[n]. Counts that are stored refer to these bounds: never change them.
"""

from collections.abc import Mapping

_PER_DOUBLING = 8
_SHORTEST_S = 0.001
_DOUBLINGS = 22  # to 70 minutes; no deadline is longer than an hour

# A percentile is told as the middle of its bucket, at most 4.4 % away from it.
BOUNDS = tuple(_SHORTEST_S * 2 ** (n / _PER_DOUBLING) for n in range(_DOUBLINGS * _PER_DOUBLING + 1))

Histogram = Mapping[int, int]  # calls by number of bucket; a bucket that is not there has none


def percentile(histogram: Histogram, share: float) -> float | None:
    """The shortest duration that this share (0 to 1) of the calls did not exceed; None when there are none."""
    total = sum(histogram.values())
    counted = 0
    for number in sorted(histogram):
        counted += histogram[number]
        if counted and counted >= share * total:
            return middle(number)
    return None


def middle(number: int) -> float:
    """Of the bucket of that number, in seconds."""
    if number <= 0:
        return BOUNDS[0]
    if number >= len(BOUNDS):
        return BOUNDS[-1]
    return float((BOUNDS[number - 1] * BOUNDS[number]) ** 0.5)
