"""Pure: what the books, the topics and the models must agree on."""

from collections import Counter

from tests.chaos import repeats
from tests.chaos.evidence import BookedAttempt, Evidence
from tests.chaos.promise import Promise, by_kind, some

# How an attempt ends that the endpoint need not have seen. Every other ending is something that the endpoint did.
NEED_NOT_HAVE_LEFT = {
    "router_lost", "handed_back", "expired", "cancelled", "circuit_open", "model_at_capacity", "key_unreadable",
    "endpoint_forbidden", "endpoint_unreachable", "connect_timeout", "tls_failed",
}  # fmt: skip


def audit_balanced(evidence: Evidence) -> Promise:
    violations = evidence.audit["violations"]
    return Promise("the audit is balanced", f"{len(violations)} violations", violations)


def settled_is_accepted(evidence: Evidence) -> Promise:
    counts = evidence.audit["inferences"]
    open_ids = [one.inference_id for one in evidence.inferences if one.settlement is None]
    wrong = [f"{counts['open']} accepted inferences are not settled: {some(open_ids)}"] * bool(counts["open"])
    return Promise("settled = accepted", f"{counts['settled']} = {counts['accepted']}", wrong)


def one_settlement_each(evidence: Evidence) -> Promise:
    booked = sum(one.settlement not in (None, "rejected") for one in evidence.inferences)
    settled = evidence.audit["inferences"]["settled"]
    wrong = [f"{booked} booked, {settled} on the topics"] * (booked != settled)
    late = evidence.audit["attempts"]["late"]
    return Promise("one effective settlement each", f"{booked} booked, {late} late words kept aside", wrong)


def no_outcome_lost(evidence: Evidence) -> Promise:
    wrong = [f"attempt {one.attempt_id} has no outcome" for one in evidence.attempts if one.outcome is None]
    wrong += [f"attempt {one.attempt_id} has no start" for one in evidence.attempts if not one.on_record]
    return Promise("every attempt has its outcome", f"{len(evidence.attempts)} attempts", wrong)


def calls_on_record(evidence: Evidence) -> Promise:
    known = {one.attempt_id for one in evidence.attempts}
    times = Counter(call.attempt_id for call in evidence.calls)
    wrong = [f"a call with id {one} is not on record" for one in times if one not in known]
    wrong += [f"attempt {one} was called {n} times" for one, n in times.items() if n > 1]
    return Promise("every call the models saw is an attempt on record", f"{len(evidence.calls)} calls", wrong)


def attempts_called(evidence: Evidence) -> Promise:
    called = {call.attempt_id for call in evidence.calls}
    absent = [one for one in evidence.attempts if one.attempt_id not in called]
    wrong = [
        f"attempt {one.attempt_id} ended as {one.error_type or one.outcome}, and the models never saw it"
        for one in absent
        if one.outcome is not None and one.error_type not in NEED_NOT_HAVE_LEFT and not _closes(one, evidence)
    ]
    kinds = Counter(one.error_type or str(one.outcome) for one in absent)
    return Promise("the other attempts never left", f"{len(absent)} attempts{by_kind(kinds)}", wrong)


def _closes(attempt: BookedAttempt, evidence: Evidence) -> bool:
    """A stream that a router was lost in the middle of: the next one settles it as broken, and calls nobody."""
    return attempt.error_type == "stream_broken" and any(
        one.inference_id == attempt.inference_id and one.error_type == "router_lost" for one in evidence.attempts
    )


def repeats_explained(evidence: Evidence) -> Promise:
    held = [len(one) for one in repeats.in_flight(evidence).values()]
    found, strange = repeats.repeats(evidence), repeats.unexplained(evidence)
    wrong = [
        f"inference {one.before.inference_id}: attempt {one.before.attempt_id} ({one.before.error_type}) on router "
        f"{one.before.router_id} was called again as {one.again.attempt_id}"
        for one in strange
    ]
    wrong += [f"{len(found)} repeated, only {sum(held)} in flight"] * (len(found) > sum(held))
    name = "calls repeated ≤ in flight on lost routers"
    return Promise(name, f"{len(found)} ≤ {sum(held)} ({' + '.join(map(str, held)) or '0'})", wrong)


def membership_repeats_nothing(evidence: Evidence) -> Promise:
    changes = sum(one.planned.fault.on_membership for one in evidence.struck)
    found = repeats.during_membership(evidence)
    wrong = [f"inference {one.before.inference_id} was called again" for one in found]
    return Promise("routers that come and go repeat no call", f"{len(found)} in {changes} changes", wrong)
