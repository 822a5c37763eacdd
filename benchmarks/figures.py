"""Pure: from measurements to figures. Latencies of all rounds are pooled; added is the difference to a direct call."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.measure import Measurement
from benchmarks.plan import AT_ONCE_MS, DIRECT, LATER_MS, PROXY, TALLYGATE, TARGETS, Point


@dataclass(frozen=True)
class Latency:
    """ms, with the model answering in 50 ms. rounds_p50_ms: of each round apart, to show how steady it was."""

    target: str
    callers: int
    p50_ms: float
    p99_ms: float
    added_p50_ms: float
    added_p99_ms: float
    p50_to_direct: float
    p50_to_proxy: float
    rounds_p50_ms: list[float]


@dataclass(frozen=True)
class Throughput:
    """Requests/s, with the model answering at once."""

    target: str
    callers: int
    per_s: float
    to_direct: float
    to_proxy: float
    rounds_per_s: list[float]


@dataclass(frozen=True)
class Cpu:
    """CPU-seconds per 1,000 requests, by process."""

    target: str
    callers: int
    delay_ms: int
    requests: int
    by_process: dict[str, float]


def percentile(values: Sequence[float], share: float) -> float:
    """Between the two nearest values; 0 for none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def latencies(measured: Sequence[Measurement], callers: Iterable[int]) -> list[Latency]:
    return [row for count in callers for row in _latencies(measured, count)]


def throughputs(measured: Sequence[Measurement], callers: Iterable[int]) -> list[Throughput]:
    return [row for count in callers for row in _throughputs(measured, count)]


def cpus(measured: Sequence[Measurement], callers: Iterable[int]) -> list[Cpu]:
    points = [
        Point(target, count, delay) for delay in (LATER_MS, AT_ONCE_MS) for count in callers for target in TARGETS
    ]
    return [_cpu(point, rounds) for point in points if (rounds := _of(measured, point))]


def _latencies(measured: Sequence[Measurement], callers: int) -> list[Latency]:
    rounds = {target: _ms_by_round(measured, Point(target, callers, LATER_MS)) for target in TARGETS}
    pooled = {target: [ms for latencies in rounds[target] for ms in latencies] for target in TARGETS}
    p50 = {target: percentile(pooled[target], 0.5) for target in TARGETS}
    p99 = {target: percentile(pooled[target], 0.99) for target in TARGETS}
    return [
        Latency(
            target=target,
            callers=callers,
            p50_ms=p50[target],
            p99_ms=p99[target],
            added_p50_ms=p50[target] - p50[DIRECT],
            added_p99_ms=p99[target] - p99[DIRECT],
            p50_to_direct=ratio(p50[target], p50[DIRECT]),
            p50_to_proxy=ratio(p50[target], p50[PROXY]),
            rounds_p50_ms=[percentile(latencies, 0.5) for latencies in rounds[target]],
        )
        for target in TARGETS
    ]


def _throughputs(measured: Sequence[Measurement], callers: int) -> list[Throughput]:
    rounds = {
        target: [
            len(measurement.result.latencies_us) / measurement.result.seconds
            for measurement in _of(measured, Point(target, callers, AT_ONCE_MS))
        ]
        for target in TARGETS
    }
    mean = {target: ratio(sum(rounds[target]), len(rounds[target])) for target in TARGETS}
    return [
        Throughput(
            target=target,
            callers=callers,
            per_s=mean[target],
            to_direct=ratio(mean[target], mean[DIRECT]),
            to_proxy=ratio(mean[target], mean[PROXY]),
            rounds_per_s=rounds[target],
        )
        for target in TARGETS
    ]


def _cpu(point: Point, rounds: list[Measurement]) -> Cpu:
    requests = sum(measurement.result.answered for measurement in rounds)
    used = {name: sum(measurement.cpu_s[name] for measurement in rounds) for name in rounds[0].cpu_s}
    by_process = {name: ratio(1000 * seconds, requests) for name, seconds in used.items()}
    return Cpu(*point, requests=requests, by_process=by_process)


def tallygate_cpu(rows: Iterable[Cpu]) -> list[Cpu]:
    return [row for row in rows if row.target == TALLYGATE]


def ratio(value: float, base: float) -> float:
    return value / base if base else 0.0


def _of(measured: Iterable[Measurement], point: Point) -> list[Measurement]:
    return [measurement for measurement in measured if measurement.round and measurement.point == point]


def _ms_by_round(measured: Iterable[Measurement], point: Point) -> list[list[float]]:
    return [[us / 1000 for us in measurement.result.latencies_us] for measurement in _of(measured, point)]
