"""Pure: what the services owe each other and their operator."""

from collections import Counter
from datetime import timedelta

from tests.chaos import fairness, memory, repeats
from tests.chaos.evidence import HOSTILE, Evidence
from tests.chaos.promise import Promise, some

_LASTS = timedelta(seconds=60)  # an inference, from its acceptance to its deadline
_SERVICES = ("gateway", "router", "monitor", "jobs")


def honest_tenant_served(evidence: Evidence) -> Promise:
    waits = fairness.waits(evidence)
    p50, p99 = fairness.percentile(waits.calm, 50), fairness.percentile(waits.calm, 99)
    wrong = [f"p99 is {p99:.2f} s, and may be {fairness.P99_WITHIN_S:g} s"] * (p99 > fairness.P99_WITHIN_S)
    with_faults = fairness.percentile(waits.everything, 99)
    beside = sum(one.asker == HOSTILE for one in evidence.notes)
    text = (f"apart from faults p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms of {len(waits.calm)}; "
            f"with them p99 {with_faults:.1f} s; beside {beside}")  # fmt: skip
    return Promise("an honest tenant is served beside a hostile one", text, wrong)


def odd_events_ended(evidence: Evidence) -> Promise:
    """Each record from upstream ends as it must, and nothing else is a dead letter. A dead letter may be there twice:
    its reader may die before it has committed."""
    letters, sent = set(evidence.dead_letters), [one for one in evidence.sent if one.place is not None]
    wanted = {one.place: one.name for one in sent if one.ends == "dead letter"}
    settled = {one.inference_id for one in evidence.inferences if one.settlement is not None}
    wrong = [f"{place} ({name}) is no dead letter" for place, name in wanted.items() if place not in letters]
    wrong += [f"{place} is a dead letter, and must not be" for place in sorted(letters - wanted.keys())]
    wrong += [f"inference {one.inference_id} ({one.name}) is not settled" for one in sent
              if one.ends == "settled" and one.inference_id not in settled]  # fmt: skip
    counts = Counter(one.ends for one in sent)
    text = f"{counts['dead letter']} dead letters of {len(letters)}, {counts['settled']} settled"
    return Promise("events from upstream end as they must", text, wrong)


def nothing_swept(evidence: Evidence) -> Promise:
    """The monitor's last resort, for what is open long after its deadline, has work only where something died: a
    router, or what was on the way to one."""
    swept = evidence.audit.get("swept", {"inferences": 0, "attempts": 0, "ids": []})
    held = set().union(*repeats.in_flight(evidence).values(), _on_the_way(evidence))
    wrong = [f"inference {one} was swept, and nothing died with it" for one in swept["ids"] if one not in held]
    text = f"{swept['inferences']} inferences, {swept['attempts']} attempts"
    return Promise("nothing is swept without a death", text, wrong)


def _on_the_way(evidence: Evidence) -> set[str]:
    """What may have been in the hands of a gateway, the broker or the database when that was struck."""
    windows = [(one.began_at - _LASTS, one.ended_at) for one in evidence.struck
               if one.planned.fault.target in ("gateway", "kafka", "postgres")]  # fmt: skip
    return {
        one.inference_id
        for one in evidence.inferences
        if one.accepted_at is not None and any(begin <= one.accepted_at <= end for begin, end in windows)
    }


def holder_relieved(evidence: Evidence) -> Promise:
    frozen = [one for one in evidence.struck if one.relieved is not None]
    wrong = [f"{one.planned.fault}: {one.effect}" for one in frozen if not one.relieved]
    return Promise("a frozen monitor loses the lease of recovery", f"{len(frozen)} frozen", wrong)


def memory_flat(evidence: Evidence) -> Promise:
    found = [one for one in memory.growths(evidence.memory) if one.program.partition("-")[0] in _SERVICES]
    wrong = [f"{one.program} held {one.first:.0f} MiB at first and {one.last:.0f} MiB at last"
             for one in found if not one.is_flat]  # fmt: skip
    steepest = some([f"{one.program} {one.slope:+.1f} MiB/min" for one in sorted(found, key=lambda one: -one.slope)])
    return Promise("memory stays flat", steepest or "too short a run to say", wrong)
