"""Checks of the measurement: the audit, the monitor's totals, and what the endpoint really received."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Measurement
from benchmarks.plan import TALLYGATE
from benchmarks.system import System

_AUDIT_S = 300.0


@dataclass(frozen=True)
class Truth:
    """Counts of the same calls by the load generator, the endpoint and the books."""

    sent: int
    received: int
    request_ids: int
    booked_inferences: int
    booked_attempts: int
    balanced: bool
    violations: list[str]
    problems: int = 0
    restarted: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        counts = {self.sent, self.received, self.request_ids, self.booked_inferences, self.booked_attempts}
        return len(counts) == 1 and self.balanced and not self.problems and not self.restarted


def find_truth(system: System, measured: Sequence[Measurement], pids: dict[str, int]) -> Truth:
    """pids: of Tallygate's processes when the measurement began."""
    ours = [measurement for measurement in measured if measurement.point.target == TALLYGATE]
    books, report = system.api.books(), audit(system)
    return Truth(
        sent=sum(measurement.result.succeeded for measurement in ours),
        received=sum(measurement.received for measurement in ours),
        request_ids=len({request_id for request_id in system.stage.request_ids() if request_id is not None}),
        booked_inferences=books["requests"]["total"],
        booked_attempts=books["attempts"]["total"],
        balanced=report["balanced"],
        violations=report["violations"],
        problems=sum(measurement.result.problems for measurement in measured),
        restarted=tuple(name for name, pid in system.pids.items() if pids[name] != pid),
    )


def audit(system: System) -> dict[str, Any]:
    finished = subprocess.run(
        [sys.executable, "-m", "services", "audit", "--json"],
        env=system.environment,
        capture_output=True,
        text=True,
        timeout=_AUDIT_S,
        check=False,
    )
    try:
        report: dict[str, Any] = json.loads(finished.stdout)
    except ValueError:
        return {"balanced": False, "violations": [f"the audit failed: {finished.stderr.strip()[-500:]}"]}
    return report
