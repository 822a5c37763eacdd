"""Percentiles that are read from buckets are those of the durations themselves, within half a bucket."""

from bisect import bisect_right
from collections import Counter
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.rollups.latency import BOUNDS, percentile

HALF_A_BUCKET = (BOUNDS[1] / BOUNDS[0]) ** 0.5

durations = st.lists(st.floats(min_value=BOUNDS[0], max_value=BOUNDS[-1] * 0.999), min_size=1, max_size=200)
shares = st.floats(min_value=0.01, max_value=1)


def histogram(seconds: list[float]) -> Counter[int]:
    """As width_bucket sorts them."""
    return Counter(bisect_right(BOUNDS, one) for one in seconds)


@given(durations, shares)
def test_is_the_exact_percentile_within_half_a_bucket(seconds: list[float], share: float) -> None:
    exact = sorted(seconds)[max(1, ceil(share * len(seconds))) - 1]
    found = percentile(histogram(seconds), share)
    assert found is not None
    assert exact / HALF_A_BUCKET * 0.999999 <= found <= exact * HALF_A_BUCKET * 1.000001


@given(durations, durations, shares)
def test_sums_of_minutes_are_the_window(first: list[float], second: list[float], share: float) -> None:
    summed = histogram(first) + histogram(second)
    assert percentile(summed, share) == percentile(histogram(first + second), share)


@pytest.mark.parametrize("counts", [{}, {3: 0}])
def test_of_no_calls_there_is_none(counts: dict[int, int]) -> None:
    assert percentile(counts, 0.5) is None


@pytest.mark.parametrize(("seconds", "found"), [(0.0, BOUNDS[0]), (1e6, BOUNDS[-1])])
def test_what_lies_outside_is_told_as_the_nearest_bound(seconds: float, found: float) -> None:
    assert percentile(histogram([seconds]), 0.5) == found


def test_the_bounds_that_are_stored_have_not_changed() -> None:
    assert (len(BOUNDS), BOUNDS[0], BOUNDS[8], BOUNDS[-1]) == (177, 0.001, 0.002, 0.001 * 2**22)
