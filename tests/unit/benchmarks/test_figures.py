"""Figures and budgets from measurements."""

import pytest

from benchmarks.budgets import budgets, ours
from benchmarks.figures import cpus, latencies, percentile, throughputs
from benchmarks.load.messages import LoadResult
from benchmarks.measure import Measurement
from benchmarks.plan import AT_ONCE_MS, DIRECT, LATER_MS, PROXY, TALLYGATE, Point
from benchmarks.system import OURS


def test_percentile_lies_between_the_nearest_values() -> None:
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile([0, 10], 0.99) == pytest.approx(9.9)
    assert percentile([], 0.5) == 0


def test_added_latency_is_the_difference_to_a_direct_call() -> None:
    measured = [_later(DIRECT, 50_000), _later(PROXY, 51_000), _later(TALLYGATE, 55_000, 59_000, 63_000)]
    direct, proxy, tallygate = latencies(measured, [16])
    assert (direct.added_p50_ms, proxy.added_p50_ms, tallygate.added_p50_ms) == (0, 1, 9)
    assert tallygate.p50_to_direct == pytest.approx(59 / 50)
    assert tallygate.p50_to_proxy == pytest.approx(59 / 51)


def test_rounds_are_pooled_and_warming_up_is_left_out() -> None:
    measured = [
        _later(DIRECT, 1, number=0),
        _later(DIRECT, 50_000),
        _later(DIRECT, 52_000, number=2),
    ]
    direct = latencies(measured, [16])[0]
    assert direct.p50_ms == 51
    assert direct.rounds_p50_ms == [50, 52]


def test_throughput_is_the_mean_of_the_rounds() -> None:
    measured = [_at_once(TALLYGATE, 800), _at_once(TALLYGATE, 1000, number=2), _at_once(PROXY, 9000)]
    _, _, tallygate = throughputs(measured, [16])
    assert tallygate.rounds_per_s == [400, 500]
    assert tallygate.per_s == 450
    assert tallygate.to_proxy == 0.1
    assert tallygate.to_direct == 0  # not measured


def test_cpu_is_told_for_a_thousand_requests_and_summed_over_the_system() -> None:
    measured = [_at_once(TALLYGATE, 1000), _at_once(TALLYGATE, 3000, number=2)]
    (row,) = cpus(measured, [16])
    assert row.requests == 4000
    assert row.by_process["router"] == 0.5
    assert ours(row.by_process) == 0.5 * len(OURS)


def test_budgets_speak_only_of_what_was_measured() -> None:
    measured = [_later(DIRECT, 50_000), _later(TALLYGATE, 56_000), _at_once(TALLYGATE, 1000)]
    rows = budgets(latencies(measured, [16]), throughputs(measured, [16]), cpus(measured, [16]))
    assert {row.what: row.met for row in rows} == {
        "added latency p50, 16 callers": True,
        "added latency p99, 16 callers": True,
        "requests/s, 16 callers (first goal)": True,
        "requests/s, 16 callers (then)": False,
        "CPU per 1,000 requests, 16 callers": False,
    }


def _later(target: str, *latencies_us: int, number: int = 1) -> Measurement:
    return _measurement(Point(target, 16, LATER_MS), list(latencies_us), number)


def _at_once(target: str, answers: int, number: int = 1) -> Measurement:
    return _measurement(Point(target, 16, AT_ONCE_MS), [1000] * answers, number)


def _measurement(point: Point, latencies_us: list[int], number: int) -> Measurement:
    """Two seconds, in which each process works one."""
    answers = len(latencies_us)
    result = LoadResult(statuses={"200": answers}, lost=0, unanswered=0, seconds=2.0, latencies_us=latencies_us)
    names = (*OURS, "model server", "proxy", "load generator")
    return Measurement(number, point, result, dict.fromkeys(names, 1.0), received=answers, others=0.0)
