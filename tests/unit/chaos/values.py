"""Evidence that keeps every promise, to break one at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.chaos.evidence import BookedAttempt, BookedInference, Call, Evidence, Note, RouterLife, Struck
from tests.chaos.faults import Fault, Kind, Planned
from tests.chaos.mix import QUICK

T0 = datetime(2026, 1, 1, tzinfo=UTC)
PIDS = {"router-0": 100, "router-1": 101, "router-2": 102}


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def attempt(number: int, inference: int, started_s: float, **more: Any) -> BookedAttempt:
    values = {"router": "router-0", "outcome": "succeeded", "error_type": None, "on_record": True} | more
    return BookedAttempt(
        attempt_id=f"attempt-{number}",
        inference_id=f"inference-{inference}",
        attempt_number=number,
        router_id=f"my-host-{PIDS[values['router']]}-0af3",
        started_at=at(started_s),
        on_record=values["on_record"],
        outcome=values["outcome"],
        error_type=values["error_type"],
    )


def note(number: int, ids: set[str], status: int | None = None, **more: Any) -> Note:
    """Of the model that answers at once."""
    values: dict[str, Any] = {"model": f"custom:{QUICK}", "asked_at": at(number), "took_s": 0.02} | more
    return Note(number, f"key-{number}", ids, status, **values)


def struck(kind: Kind, target: str, began_s: float, ended_s: float | None = None) -> Struck:
    fault = Fault(kind, target)
    ended_at = at(began_s + 0.1 if ended_s is None else ended_s)
    return Struck(Planned(began_s, fault), at(began_s), at(began_s + 0.05), ended_at, PIDS.get(target, 1))


def evidence(*attempts: BookedAttempt, **more: Any) -> Evidence:
    """All attempts were called, all inferences completed and told at once, nothing was struck."""
    inferences = sorted({one.inference_id for one in attempts})
    ended = {"started": len(attempts), "ended": len(attempts), "open": 0, "late": 0}
    settled = {"accepted": len(inferences), "settled": len(inferences), "open": 0}
    quiet = Evidence(
        struck=[],
        notes=[note(n, {known}, 200) for n, known in enumerate(inferences)],
        calls=[Call(one.attempt_id, "demo") for one in attempts],
        attempts=list(attempts),
        inferences=[BookedInference(known, "completed", at(1000)) for known in inferences],
        lives=[RouterLife(router_id, at(-60)) for router_id in sorted({one.router_id for one in attempts})],
        audit={"balanced": True, "inferences": settled, "attempts": ended, "violations": []},
    )
    return replace(quiet, **more)
