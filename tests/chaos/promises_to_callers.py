"""Pure: what those who asked may rely on."""

from collections import Counter

from tests.chaos.evidence import HONEST, Evidence, Note
from tests.chaos.promise import Promise, by_kind, some


def everyone_answered(evidence: Evidence) -> Promise:
    """A hostile tenant may be refused for as long as it asks, but what was taken of it has an end, too."""
    owed = [one for one in evidence.notes if one.asker == HONEST or one.ids]
    wrong = [f"request {one.number}: {'; '.join(one.troubles[-3:])}" for one in owed if not one.resolved]
    statuses = Counter(one.status for one in evidence.notes if one.status is not None)
    by_id = sum(one.status is None and one.settlement is not None for one in owed)
    refused = len(evidence.notes) - len(owed)
    text = ", ".join(f"{n} of {status}" for status, n in statuses.most_common())
    return Promise("every caller has an answer or an id that gives one",
                   f"{text}; {by_id} by id; {refused} never taken", wrong)  # fmt: skip


def one_inference_a_key(evidence: Evidence) -> Promise:
    """Also what no caller was told of: a repetition that was taken for a new request."""
    several = [f"request {one.number} was told {sorted(one.ids)}" for one in evidence.notes if len(one.ids) > 1]
    by_caller, sent = (one.ids for one in evidence.notes), (one.inference_id for one in evidence.sent)
    known_ids = evidence.patient.inference_ids.union(*by_caller, sent)
    taken = [one.inference_id for one in evidence.inferences if one.settlement != "rejected"]
    untold = [taken_id for taken_id in taken if taken_id not in known_ids]
    wrong = several + [f"{len(untold)} inferences that no caller was told of: {some(untold)}"] * bool(untold)
    again = sum(bool(one.lost or one.refused) for one in evidence.notes)
    return Promise("one key, one inference", f"{again} callers had to repeat", wrong)


def answers_agree(evidence: Evidence) -> Promise:
    """An error that the caller was told may be followed by a late success, a completion never by anything else."""
    settled = {one.inference_id: one.settlement for one in evidence.inferences}
    completed = [one for one in evidence.notes if one.status == 200]
    wrong = [f"request {one.number} got another's answer" for one in completed if not one.answers_question]
    wrong += [_disagreement(one, settled[known]) for one in completed for known in one.ids
              if settled.get(known) != "completed" and known in settled]  # fmt: skip
    wrong += [f"inference {known} of request {one.number} is not in the books"
              for one in evidence.notes for known in one.ids if known not in settled]  # fmt: skip
    return Promise("what callers were told agrees with the books", f"{len(completed)} completed", wrong)


def streams_are_what_they_seem(evidence: Evidence) -> Promise:
    wrong = [f"request {one.number} {word}" for one in evidence.notes for word in one.streams_wrong]
    streams = sum(one.streams for one in evidence.notes)
    return Promise("a stream that was cut never looks complete", f"{streams} streams read", wrong)


def nothing_unforeseen(evidence: Evidence) -> Promise:
    wrong = [f"request {one.number} was answered {one.status} {one.code} {sorted(one.ids)}"
             for one in evidence.notes if one.code == "internal" or one.status == 500]  # fmt: skip
    codes = Counter(one.code for one in evidence.notes if one.code is not None)
    return Promise("no error that nobody foresaw", by_kind(codes).strip(" ()") or "no errors", wrong)


def _disagreement(note: Note, settlement: str | None) -> str:
    return f"request {note.number} was answered {note.status}, and the books say {settlement}"
