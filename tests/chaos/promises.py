"""Pure: what was promised, and whether the evidence keeps it. One function a promise; one row of the table each."""

from collections.abc import Callable

from tests.chaos import promises_of_books as books
from tests.chaos import promises_of_services as services
from tests.chaos import promises_to_callers as callers
from tests.chaos import promises_to_patient as patient
from tests.chaos.evidence import HONEST, Evidence
from tests.chaos.promise import Promise


def judged(evidence: Evidence, requests: int) -> list[Promise]:
    """requests: that the honest tenant was to ask."""
    made = sum(note.asker == HONEST for note in evidence.notes)
    asked = Promise("as many requests as ordered", f"{made} of {requests}", [f"{made} requests"] * (made < requests))
    return [asked, *(promise(evidence) for promise in PROMISES)]


def faults_done(evidence: Evidence) -> Promise:
    """What this machine has no means for is told, and not held against anybody."""
    wrong = [f"{one.planned.fault}: {one.problem}" for one in evidence.struck if one.problem]
    left_out = sum(one.left_out is not None for one in evidence.struck)
    text = f"{len(evidence.struck) - left_out} faults" + f", {left_out} left out" * bool(left_out)
    return Promise("every fault carried out as planned", text, wrong)


def all_back(evidence: Evidence) -> Promise:
    return Promise("everything came back by itself", f"{len(evidence.not_ready)} not ready", evidence.not_ready)


def nothing_logged(evidence: Evidence) -> Promise:
    return Promise("no service logged an error", f"{len(evidence.logged)} lines", evidence.logged)


PROMISES: tuple[Callable[[Evidence], Promise], ...] = (
    faults_done,
    all_back,
    books.audit_balanced,
    books.settled_is_accepted,
    books.one_settlement_each,
    books.no_outcome_lost,
    books.calls_on_record,
    books.attempts_called,
    books.repeats_explained,
    books.membership_repeats_nothing,
    callers.everyone_answered,
    callers.one_inference_a_key,
    callers.answers_agree,
    callers.streams_are_what_they_seem,
    callers.nothing_unforeseen,
    patient.begun_ended,
    patient.batches_whole,
    patient.lines_asked_once,
    patient.ends_told,
    patient.upstream_answered,
    services.honest_tenant_served,
    services.odd_events_ended,
    services.holder_relieved,
    services.nothing_swept,
    services.memory_flat,
    nothing_logged,
)
