"""The same for machines."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.chaos.evidence import Evidence
from tests.chaos.memory import growths
from tests.chaos.promise import Promise


def write_report(path: Path, seed: int, evidence: Evidence, promises: Sequence[Promise]) -> None:
    report = {
        "seed": seed,
        "kept": all(promise.kept for promise in promises),
        "promises": [{**promise._asdict(), "kept": promise.kept} for promise in promises],
        "faults": [
            {
                "at_s": one.planned.at_s,
                "fault": str(one.planned.fault),
                "began_at": one.began_at,
                "effect": one.effect,
                "problem": one.problem,
                "left_out": one.left_out,
            }
            for one in evidence.struck
        ],
        "requests": len(evidence.notes),
        "memory": [growth._asdict() for growth in growths(evidence.memory)],
    }
    path.write_text(json.dumps(report, indent=2, default=str) + "\n")


def write_evidence(folder: Path, evidence: Evidence) -> None:
    """All of it, for whoever has to find out why a promise was broken."""
    (folder / "evidence.json").write_text(json.dumps(asdict(evidence), default=_plain) + "\n")


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, set) else str(value)
