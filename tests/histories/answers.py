"""What callers are told, what they find later, and whether the books say the same."""

from collections import Counter
from collections.abc import Iterator, Sequence
from uuid import UUID

from shared.events import InferenceRequested, ReplyCompleted, ReplyFailed
from shared.events.topics import REPLIES
from tests.histories.callers import Asked
from tests.histories.history import Freeze
from tests.histories.processes import GRACE_S, PUBLISH_TIMEOUT_S
from tests.histories.promises import AGREED, ANSWERED, ONE_KEY, STORED, Violation, short
from tests.histories.trace import Acked, Called, Ended, Entry, Sent, Unacked
from tests.histories.world import Played

_SLACK_S = 1.0  # the broker's and the database's own time
_LATE_S, _LATELY_S = 0.25, 5.0  # of acks, as decision 0048 has it


def told(played: Played) -> Iterator[Violation]:
    """Every caller hears something, unless its gateway died."""
    disturbed = {getattr(fault, "slot", "") for fault in played.history.faults}  # these may take their time
    dead = {entry.life for entry in played.trace if isinstance(entry, Ended)}
    calls = {UUID(call.attempt_id): call for call in played.ledger}
    for asked in played.asked:
        slot = asked.gateway.partition(".")[0]
        within_s = asked.request.deadline_s + GRACE_S + PUBLISH_TIMEOUT_S + _SLACK_S
        if asked.answered_at is None:
            if asked.gateway not in dead:
                yield Violation(ANSWERED, f"{_who(asked)} is told nothing")
        elif asked.answered_at - asked.asked_at > within_s and slot not in disturbed:
            yield Violation(ANSWERED, f"{_who(asked)} is told after {asked.answered_at - asked.asked_at:.1f} s")
        if asked.attempt_id is not None:
            call = calls.get(asked.attempt_id)
            if call is None or call.how != "succeeded" or call.body["messages"][0]["content"] != asked.request.name:
                yield Violation(ANSWERED, f"{_who(asked)} gets an answer that no endpoint gave to it")


def agreed(played: Played) -> Iterator[Violation]:
    for asked in played.asked:
        if asked.attempt_id is None or asked.inference_id is None:
            continue
        settlement = played.tables.inferences[asked.inference_id]["settlement"]
        if settlement not in {None, "completed"} and not _is_left_open(played, asked.attempt_id, asked.inference_id):
            yield Violation(AGREED, f"{_who(asked)} gets an answer, and the books say {settlement}")


def _is_left_open(played: Played, attempt_id: UUID, inference_id: UUID) -> bool:
    """What decision 0048 does not close. The router that called died, or was taken for dead, before its settlement was
    acked, and its result was acked already; or its reply went out with the settlement when it knew of no late ack."""
    [router] = {one.by for one in played.trace if isinstance(one, Called) and one.attempt_id == attempt_id}
    if router is None or not (_has_ended(played, router) or _was_frozen(played, router)):
        return False
    by_it = [entry for entry in played.trace if not isinstance(entry, Ended) and entry.by == router]
    replied = (one.at_s for one in by_it if isinstance(one, Sent) and _is_reply(one, inference_id))
    result = (inference_id, ReplyCompleted.ce_type)
    return result in played.gateway_tables.results or not _acks_are_late(by_it, min(replied))


def _has_ended(played: Played, life: str) -> bool:
    return any(isinstance(entry, Ended) and entry.life == life for entry in played.trace)


def _was_frozen(played: Played, life: str) -> bool:
    slot = life.partition(".")[0]
    return any(isinstance(fault, Freeze) and fault.slot == slot for fault in played.history.faults)


def _acks_are_late(by_it: Sequence[Entry], at_s: float) -> bool:
    """Whether a publisher knows that one was waited for too long a short time ago, or did not come."""
    answered = [one for one in by_it if isinstance(one, Acked | Unacked)]
    unanswered = Counter((one.place, one.at_s) for one in by_it if isinstance(one, Sent))
    unanswered.subtract((one.place, one.sent_at_s) for one in answered)
    ways = [(one.sent_at_s, one.at_s, isinstance(one, Unacked)) for one in answered]
    ways += [(sent_at_s, float("inf"), False) for (_, sent_at_s), left in unanswered.items() if left]
    return any(
        ended_at_s >= at_s - _LATELY_S
        and ((failed and ended_at_s < at_s) or min(at_s, ended_at_s) - sent_at_s > _LATE_S)
        for sent_at_s, ended_at_s, failed in ways
    )


def keyed(played: Played, requests: list[InferenceRequested]) -> Iterator[Violation]:
    ids = {text: row.known.id for (_, _, text), row in played.gateway_tables.keys.items()}
    for event in requests:
        is_keyed = event.store_result and event.reply_partition is not None
        if is_keyed and event.inference_id not in ids.values():
            yield Violation(ONE_KEY, f"{short(event)} is published for a key and is not what the key stands for")
    published = {event.inference_id for event in requests}
    for (_, _, text), row in played.gateway_tables.keys.items():
        if row.known.published and row.known.id not in published:
            yield Violation(ONE_KEY, f"the key {text} counts as published, and what it stands for is not on the topic")
    for asked in played.asked:
        if asked.request.way == "keyed" and asked.inference_id not in (None, ids.get(asked.request.name)):
            yield Violation(ONE_KEY, f"{asked.request.name} is answered by another inference than its key stands for")


def stored(played: Played, requests: list[InferenceRequested]) -> Iterator[Violation]:
    for event in requests:
        settlement = played.tables.inferences[event.inference_id]["settlement"]
        kind = ReplyCompleted if settlement == "completed" else ReplyFailed
        results = played.gateway_tables.results
        if event.store_result and settlement is not None and (event.inference_id, kind.ce_type) not in results:
            yield Violation(STORED, f"{short(event)} is {settlement}, and no such result is stored")


def _who(asked: Asked) -> str:
    return f"who asked for {asked.request.name} at {asked.asked_at:.1f} s"


def _is_reply(sent: Sent, inference_id: UUID) -> bool:
    return sent.place.topic == REPLIES.name and sent.key == inference_id.bytes
