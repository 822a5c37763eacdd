"""Pure: from measurements to figures. Latencies of all rounds are pooled; added is the difference to a direct call."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.measure import Measurement
from benchmarks.plan import AT_ONCE_MS, DIRECT, LATER_MS, Point


@dataclass(frozen=True)
class Latency:
    """ms, with the model answering in 50 ms. rounds_p50_ms: of each round apart, to show how steady it was."""

    p50_ms: float
    p99_ms: float
    added_p50_ms: float
    added_p99_ms: float
    rounds_p50_ms: list[float]


@dataclass(frozen=True)
class Throughput:
    """Requests/s, with the model answering at once."""

    per_s: float
    rounds_per_s: list[float]


@dataclass(frozen=True)
class Cpu:
    """CPU-seconds per 1,000 requests, by process. own: of the target's processes; the others worked for it.
    wakeups: of a request, by process."""

    requests: int
    by_process: dict[str, float]
    own: float
    wakeups: dict[str, float]


@dataclass(frozen=True)
class Figures:
    """One target's: by callers; CPU by callers and delay of the model. No latency where no answer came in time."""

    target: str
    latency: dict[int, Latency]
    throughput: dict[int, Throughput]
    cpu: dict[tuple[int, int], Cpu]


def percentile(values: Sequence[float], share: float) -> float:
    """Between the two nearest values; 0 for none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def figures(measured: Sequence[Measurement], processes: Mapping[str, Iterable[str]]) -> list[Figures]:
    """Of targets that took turns with direct calls. processes: the names of each target's own."""
    return [_figures(measured, target, set(own)) for target, own in processes.items()]


def _figures(measured: Sequence[Measurement], target: str, own: set[str]) -> Figures:
    points = sorted({measurement.point for measurement in measured if measurement.round})
    ours = [point for point in points if point.target == target]
    return Figures(
        target,
        latency={
            point.callers: _latency(measured, point)
            for point in ours
            if point.delay_ms == LATER_MS and _pooled(_ms_by_round(measured, point))
        },
        throughput={point.callers: _throughput(measured, point) for point in ours if point.delay_ms == AT_ONCE_MS},
        cpu={(point.callers, point.delay_ms): _cpu(measured, point, own) for point in ours},
    )


def _latency(measured: Sequence[Measurement], point: Point) -> Latency:
    rounds = _ms_by_round(measured, point)
    pooled, direct = _pooled(rounds), _pooled(_ms_by_round(measured, point._replace(target=DIRECT)))
    p50, p99 = percentile(pooled, 0.5), percentile(pooled, 0.99)
    return Latency(
        p50_ms=p50,
        p99_ms=p99,
        added_p50_ms=p50 - percentile(direct, 0.5),
        added_p99_ms=p99 - percentile(direct, 0.99),
        rounds_p50_ms=[percentile(latencies, 0.5) for latencies in rounds],
    )


def _throughput(measured: Sequence[Measurement], point: Point) -> Throughput:
    results = [measurement.result for measurement in _of(measured, point)]
    rounds = [len(result.latencies_us) / result.seconds for result in results]
    return Throughput(per_s=ratio(sum(rounds), len(rounds)), rounds_per_s=rounds)


def _cpu(measured: Sequence[Measurement], point: Point, own: set[str]) -> Cpu:
    rounds = _of(measured, point)
    requests = sum(measurement.result.answered for measurement in rounds)
    used = {name: sum(measurement.cpu_s[name] for measurement in rounds) for name in rounds[0].cpu_s}
    by_process = {name: ratio(1000 * seconds, requests) for name, seconds in used.items()}
    woken = {name: sum(measurement.wakeups[name] for measurement in rounds) for name in used}
    wakeups = {name: ratio(count, requests) for name, count in woken.items()}
    return Cpu(requests, by_process, sum(by_process[name] for name in own), wakeups)


def ratio(value: float, base: float) -> float:
    return value / base if base else 0.0


def _of(measured: Iterable[Measurement], point: Point) -> list[Measurement]:
    return [measurement for measurement in measured if measurement.round and measurement.point == point]


def _ms_by_round(measured: Iterable[Measurement], point: Point) -> list[list[float]]:
    return [[us / 1000 for us in measurement.result.latencies_us] for measurement in _of(measured, point)]


def _pooled(rounds: Iterable[list[float]]) -> list[float]:
    return [ms for latencies in rounds for ms in latencies]
