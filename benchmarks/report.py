"""All of one run as values, for the tables and for `--json`."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from benchmarks.budgets import Budget
from benchmarks.figures import Figures
from benchmarks.measure import Measurement, Options
from benchmarks.truth import Truth


@dataclass(frozen=True)
class Report:
    """others: share of the machine that other programs took. reference: what the budgets are ratios to."""

    at: str
    machine: dict[str, object]
    options: Options
    others: float
    figures: list[Figures]
    rest_percent: dict[str, float]
    memory_mb: dict[str, float]
    truth: Truth
    reference: str
    budgets: list[Budget]


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def machine() -> dict[str, object]:
    return {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}


def mean_of_others(measured: Sequence[Measurement]) -> float:
    return sum(measurement.others for measurement in measured) / len(measured)


def save_report(report: Report, path: Path) -> None:
    verdicts = [{**asdict(row), "ratio": row.ratio, "met": row.met, "goal_met": row.goal_met} for row in report.budgets]
    values = asdict(report) | {"budgets": verdicts, "figures": [_by_point(row) for row in report.figures]}
    path.write_bytes(orjson.dumps(values, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS) + b"\n")


def _by_point(row: Figures) -> dict[str, object]:
    """JSON has no keys of two numbers."""
    cpu = [{"callers": callers, "delay_ms": delay_ms, **asdict(each)} for (callers, delay_ms), each in row.cpu.items()]
    return asdict(row) | {"cpu": cpu}
