"""All of one run as values, for the tables and for `--json`."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.budgets import Budget, budgets
from benchmarks.figures import Cpu, Latency, Throughput, cpus, latencies, throughputs
from benchmarks.measure import Measurement, Options
from benchmarks.truth import Truth


@dataclass(frozen=True)
class Report:
    """others: share of the machine that other programs took while we measured."""

    at: str
    machine: dict[str, object]
    options: Options
    others: float
    latency: list[Latency]
    throughput: list[Throughput]
    cpu: list[Cpu]
    memory_mb: dict[str, float]
    truth: Truth
    budgets: list[Budget]


def make_report(options: Options, measured: Sequence[Measurement], memory_mb: dict[str, float], truth: Truth) -> Report:
    latency, throughput = latencies(measured, options.callers), throughputs(measured, options.callers)
    cpu = cpus(measured, options.callers)
    return Report(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine={"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()},
        options=options,
        others=sum(measurement.others for measurement in measured) / len(measured),
        latency=latency,
        throughput=throughput,
        cpu=cpu,
        memory_mb=memory_mb,
        truth=truth,
        budgets=budgets(latency, throughput, cpu),
    )


def save_report(report: Report, path: Path) -> None:
    verdicts = [{**asdict(budget), "met": budget.met} for budget in report.budgets]
    path.write_text(json.dumps(asdict(report) | {"budgets": verdicts}, indent=2) + "\n")
