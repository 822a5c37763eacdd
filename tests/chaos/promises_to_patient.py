"""Pure: what a tenant may rely on who waits for no answer."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from tests.chaos.evidence import PATIENT, Evidence
from tests.chaos.patient.words import BatchSeen, LastWord, Reply
from tests.chaos.promise import Promise, some

# Who tells an answer may be held up by a fault for as long, before it is noted that it was told.
_NOTICED_FOR = timedelta(seconds=15)
_ON_THE_WAY_OF_A_REPLY = ("gateway", "kafka", "postgres")


def begun_ended(evidence: Evidence) -> Promise:
    begun = evidence.patient.begun
    wrong = [
        f"background {one.number} was not accepted: {some(one.troubles[-3:])}" for one in begun if not one.accepted
    ]
    wrong += [f"background {one.number} was told {sorted(one.ids)}" for one in begun if len(one.ids) > 1]
    wrong += [f"background {one.number} {sorted(one.ids)} has no result: {some(one.troubles[-2:])}"
              for one in begun if one.accepted and one.word is None]  # fmt: skip
    wrong += _disagreements(evidence, ((known, one.word) for one in begun if one.word for known in one.ids))
    return Promise("what is begun in the background has its result", f"{len(begun)} begun", wrong)


def batches_whole(evidence: Evidence) -> Promise:
    """Also of one that was made twice, as its maker did not hear the answer."""
    ordered, seen = evidence.patient.ordered, evidence.patient.batches
    made = {batch.number for batch in seen}
    wrong = [f"batch {one.number} was not made: {some(one.troubles[-3:])}"
             for one in ordered if not one.taken or one.number not in made]  # fmt: skip
    custom_ids = {one.number: one.custom_ids for one in ordered}
    wrong += [f"{batch.batch_id}: {word}" for batch in seen for word in _wrong_in(batch, custom_ids[batch.number])]
    lines = [line for batch in seen for line in batch.lines]
    failed = sum(not line.word.completed for line in lines)
    text = f"{len(seen)} batches, {len(lines)} lines, {failed} of them in error files"
    return Promise("every batch ends with one line for each of its own", text, wrong)


def lines_asked_once(evidence: Evidence) -> Promise:
    """Each is one inference, whose calls are judged as those of any other; and there is none that no line names."""
    batches = evidence.patient.batches
    lines = [line for batch in batches for line in batch.lines]
    times = Counter(line.inference_id for line in lines if line.inference_id is not None)
    sessions = {batch.session for batch in batches}
    asked = [one.inference_id for one in evidence.inferences if one.session in sessions]
    wrong = [f"line {line.custom_id} is of no inference" for line in lines if line.inference_id is None]
    wrong += [f"inference {known} is of {n} lines" for known, n in times.items() if n > 1]
    wrong += [f"inference {known} of a batch is of none of its lines" for known in asked if known not in times]
    wrong += _disagreements(evidence, ((line.inference_id, line.word) for line in lines if line.inference_id))
    return Promise("a line of a batch is one inference", f"{len(asked)} inferences", wrong)


def ends_told(evidence: Evidence) -> Promise:
    """Of every inference and every batch of the tenant."""
    told = evidence.patient.told
    taken = [one for one in told if one.taken]
    endings = {one.inference_id: one.settlement for one in evidence.inferences
               if one.tenant_id == PATIENT and one.settlement is not None}  # fmt: skip
    batches = {batch.batch_id for batch in evidence.patient.batches if not batch.wrong}
    missing = sorted((endings.keys() | batches) - {one.subject for one in taken})
    wrong = [f"{len(missing)} were not told: {some(missing)}"] * bool(missing)
    wrong += [f"event {one.event_id} is not signed" for one in told if not one.signed]
    wrong += [f"{one} was told under {n} ids" for one, n in _several((one.subject, one.event_id) for one in taken)]
    wrong += [f"event {one} was told of {n}" for one, n in _several((one.event_id, one.subject) for one in taken)]
    wrong += [f"{one.subject} was told as {one.ending}, and the books say {endings[one.subject]}"
              for one in taken if endings.get(one.subject, one.ending) != one.ending]  # fmt: skip
    events = len({one.event_id for one in taken})
    text = f"{events} told, {len(taken) - events} once more, {len(told) - len(taken)} refused at first"
    return Promise("every end is told by webhook, signed, under one id", text, wrong)


def upstream_answered(evidence: Evidence) -> Promise:
    published, replies = evidence.patient.published, evidence.patient.replies
    own = {one.inference_id for one in published}
    answers: dict[str, list[Reply]] = defaultdict(list)
    for reply in sorted(replies, key=lambda reply: reply.at):
        if reply.inference_id in own:
            answers[reply.inference_id].append(reply)
    wrong = [f"inference {one.inference_id} could not be published: {some(one.troubles[-2:])}"
             for one in published if not one.acked]  # fmt: skip
    unanswered = [one.inference_id for one in published if one.acked and one.inference_id not in answers]
    wrong += [f"{len(unanswered)} requests have no answer: {some(unanswered)}"] * bool(unanswered)
    wrong += [f"inference {known} {word}" for known, told in answers.items() for word in _wrong_again(evidence, told)]
    wrong += _disagreements(evidence, ((known, one.word) for known, told in answers.items() for one in told))
    again = sum(map(len, answers.values())) - len(answers)
    text = f"{len(published)} published, {len(answers)} answered, {again} once more around faults"
    return Promise("upstream is answered once, on its own topic", text, wrong)


def _wrong_in(batch: BatchSeen, custom_ids: Sequence[str]) -> Iterator[str]:
    if batch.wrong:
        yield batch.wrong
    lines = Counter(line.custom_id for line in batch.lines)
    missing = [one for one in custom_ids if one not in lines]
    if missing:
        yield f"{len(missing)} lines are missing: {some(missing)}"
    yield from (f"line {one} stands there {n} times" for one, n in lines.items() if n > 1)
    yield from (f"line {one} is none of its own" for one in lines.keys() - set(custom_ids))


def _wrong_again(evidence: Evidence, told: Sequence[Reply]) -> Iterator[str]:
    """told: the answers to one request. Another one is the same one, which a fault kept from being noted as told."""
    first = told[0]
    for again in told[1:]:
        if (again.event_id, again.word) != (first.event_id, first.word):
            yield f"was answered as {first.word}, then as {again.word}"
        if not _was_held_up(evidence, first.at, again.at):
            yield f"was answered at {first.at:%H:%M:%S} and again at {again.at:%H:%M:%S}, without a fault"


def _was_held_up(evidence: Evidence, since: datetime, until: datetime) -> bool:
    return any(
        one.began_at <= until and one.ended_at + _NOTICED_FOR >= since
        for one in evidence.struck
        if one.planned.fault.target in _ON_THE_WAY_OF_A_REPLY
    )


def _disagreements(evidence: Evidence, words: Iterable[tuple[str, LastWord]]) -> list[str]:
    """What the tenant was told, by inference, against the books."""
    settled = {one.inference_id: one.settlement for one in evidence.inferences}
    found = []
    for inference_id, word in words:
        settlement = settled.get(inference_id)
        if settlement is None or (settlement == "completed") != word.completed:
            told = "completed" if word.completed else "failed"
            found.append(f"inference {inference_id} was told as {told}, and the books say {settlement}")
        if not word.its_own:
            found.append(f"inference {inference_id} has another's answer")
    return found


def _several(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, int]]:
    """How many different ones belong to each, where it is more than one."""
    found: dict[str, set[str]] = defaultdict(set)
    for one, other in pairs:
        found[one].add(other)
    return [(one, len(others)) for one, others in found.items() if len(others) > 1]
