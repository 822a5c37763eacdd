"""Figures and budgets from measurements."""

import pytest

from benchmarks.budgets import ELSEWHERE, Budget, Reference, budgets
from benchmarks.figures import Figures, figures, percentile
from benchmarks.load.messages import LoadResult
from benchmarks.measure import Measurement
from benchmarks.plan import AT_ONCE_MS, DIRECT, LATER_MS, PROXY, TALLYGATE, Point
from benchmarks.system import OURS

PROCESSES = {DIRECT: [], PROXY: [PROXY], TALLYGATE: OURS}


def test_percentile_lies_between_the_nearest_values() -> None:
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile([0, 10], 0.99) == pytest.approx(9.9)
    assert percentile([], 0.5) == 0


def test_added_latency_is_the_difference_to_a_direct_call() -> None:
    measured = [_later(DIRECT, 50_000), _later(PROXY, 51_000), _later(TALLYGATE, 55_000, 59_000, 63_000)]
    assert [row.latency[16].added_p50_ms for row in figures(measured, PROCESSES)] == [0, 1, 9]


def test_rounds_are_pooled_and_warming_up_is_left_out() -> None:
    measured = [_later(DIRECT, 1, number=0), _later(DIRECT, 50_000), _later(DIRECT, 52_000, number=2)]
    direct = figures(measured, PROCESSES)[0].latency[16]
    assert direct.p50_ms == 51
    assert direct.rounds_p50_ms == [50, 52]


def test_a_target_that_answered_nothing_in_time_has_no_latency() -> None:
    proxy = figures([_later(DIRECT, 50_000), _later(PROXY)], PROCESSES)[1]
    assert proxy.latency == {}


def test_throughput_is_the_mean_of_the_rounds() -> None:
    tallygate = _tallygate([_at_once(TALLYGATE, 800), _at_once(TALLYGATE, 1000, number=2), _at_once(PROXY, 9000)])
    assert tallygate.throughput[16].rounds_per_s == [400, 500]
    assert tallygate.throughput[16].per_s == 450


def test_cpu_is_told_for_a_thousand_requests_and_summed_over_the_target() -> None:
    cpu = _tallygate([_at_once(TALLYGATE, 1000), _at_once(TALLYGATE, 3000, number=2)]).cpu[16, AT_ONCE_MS]
    assert cpu.requests == 4000
    assert cpu.by_process["router"] == 0.5
    assert cpu.own == 0.5 * len(OURS)
    assert cpu.wakeups["router"] == 0.25


def test_budgets_are_ratios_to_the_reference_and_speak_only_of_what_was_measured() -> None:
    measured = [_later(DIRECT, 50_000), _later(TALLYGATE, 64_000), _at_once(TALLYGATE, 1000)]
    rows = budgets(_tallygate(measured), {}, ELSEWHERE)
    assert {row.what: (row.met, row.goal_met) for row in rows if not row.what.startswith("  ")} == {
        "added latency p50, 16 callers": (True, False),
        "added latency p99, 16 callers": (True, True),
        "requests/s, 16 callers": (None, None),
        "CPU per 1,000 requests, 16 callers": (False, False),
    }
    assert rows[0].ratio == pytest.approx(14 / (2 * 8.1))
    assert {row.what.strip() for row in rows if row.what.startswith("  ")} == set(OURS)


def test_a_peer_that_was_measured_is_the_reference() -> None:
    peer = _tallygate([_later(DIRECT, 50_000), _later(TALLYGATE, 60_000)])
    assert Reference.of(peer).added_p50_ms == {16: 10}


def test_services_at_rest_are_summed_without_the_broker() -> None:
    rows = budgets(_tallygate([_later(DIRECT, 50_000)]), {"router": 1.0, "monitor": 1.5, "kafka": 9.0}, ELSEWHERE)
    assert rows[0].figure == 2.5
    assert rows[0].met


@pytest.mark.parametrize(("at_least", "met"), [(False, False), (True, True)])
def test_a_budget_is_a_bound_from_above_or_below(at_least: bool, met: bool) -> None:
    assert Budget("", 3.0, 2.0, "", at_least=at_least).met is met


def _tallygate(measured: list[Measurement]) -> Figures:
    return figures(measured, PROCESSES)[-1]


def _later(target: str, *latencies_us: int, number: int = 1) -> Measurement:
    return _measurement(Point(target, 16, LATER_MS), list(latencies_us), number)


def _at_once(target: str, answers: int, number: int = 1) -> Measurement:
    return _measurement(Point(target, 16, AT_ONCE_MS), [1000] * answers, number)


def _measurement(point: Point, latencies_us: list[int], number: int) -> Measurement:
    """Two seconds, in which each process works one."""
    answers = len(latencies_us)
    result = LoadResult(statuses={"200": answers}, lost=0, unanswered=0, seconds=2.0, latencies_us=latencies_us)
    names = (*OURS, "endpoint", "proxy", "load generator")
    cpu_s, wakeups = dict.fromkeys(names, 1.0), dict.fromkeys(names, 500)
    return Measurement(number, point, result, cpu_s, wakeups, received=answers, others=0.0)
