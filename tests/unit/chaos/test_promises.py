from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.evidence import HOSTILE, BookedInference, Call, Evidence, Note, Place, Sample, Sent
from tests.chaos.promises import PROMISES, judged
from tests.unit.chaos.values import at, attempt, evidence, note, struck

ODD = Place("inference.requests.v1", 11, 7)
GOOD = evidence(attempt(1, 1, 0), attempt(2, 2, 0), attempt(3, 3, 1))


def broken(seen: Evidence) -> list[str]:
    return [promise.name for promise in judged(seen, 3) if not promise.kept]


def counted(**wrong: int) -> dict[str, Any]:
    return GOOD.audit | {"inferences": GOOD.audit["inferences"] | wrong}


def test_good_books_keep_every_promise() -> None:
    assert broken(GOOD) == []
    assert len(judged(GOOD, 3)) == len(PROMISES) + 1


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"notes": GOOD.notes[:2], "inferences": GOOD.inferences[:2], "audit": counted(accepted=2, settled=2)},
         "as many requests as ordered"),
        ({"struck": [replace(struck("kill", "kafka", 1), problem="it does not run")]},
         "every fault carried out as planned"),
        ({"not_ready": ["gateway is not ready"]}, "everything came back by itself"),
        ({"logged": ["router-0.log: inference.crashed"]}, "no service logged an error"),
        ({"audit": GOOD.audit | {"balanced": False, "violations": ["one"]}}, "the audit is balanced"),
        ({"audit": counted(accepted=4, open=1)}, "settled = accepted"),
        ({"audit": counted(accepted=4, settled=4)}, "one effective settlement each"),
        ({"attempts": [*GOOD.attempts[:2], attempt(3, 3, 1, outcome=None)]}, "every attempt has its outcome"),
        ({"attempts": [*GOOD.attempts[:2], attempt(3, 3, 1, on_record=False)]}, "every attempt has its outcome"),
        ({"calls": [*GOOD.calls, Call("attempt-9", "demo")]}, "every call the models saw is an attempt on record"),
        ({"calls": [*GOOD.calls, GOOD.calls[0]]}, "every call the models saw is an attempt on record"),
        ({"calls": GOOD.calls[:2]}, "the other attempts never left"),
        ({"notes": [*GOOD.notes[:2], Note(2, "key-2", {"inference-3"})]},
         "every caller has an answer or an id that gives one"),
        ({"notes": [*GOOD.notes[:2], Note(2, "key-2", {"inference-2", "inference-3"}, 200)]},
         "one key, one inference"),
        ({"notes": [*GOOD.notes[:2], Note(2, "key-2", {"inference-2"}, 200)]}, "one key, one inference"),
        ({"inferences": [*GOOD.inferences[:2], BookedInference("inference-3", "failed", at(2))]},
         "what callers were told agrees with the books"),
        ({"notes": [*GOOD.notes[:2], Note(2, "key-2", {"inference-3"}, 200, answers_question=False)]},
         "what callers were told agrees with the books"),
        ({"notes": [*GOOD.notes[:2], Note(2, "key-2", {"inference-3"}, 200, streams_wrong=["ended without a word"])]},
         "a stream that was cut never looks complete"),
        ({"notes": [*GOOD.notes[:2], Note(2, "key-2", {"inference-3"}, 500, "internal")]},
         "no error that nobody foresaw"),
        ({"notes": [*GOOD.notes[:2], note(2, {"inference-3"}, 200, took_s=9.0)]},
         "an honest tenant is served beside a hostile one"),
        ({"sent": [Sent("odd", "dead letter", ODD)]}, "events from upstream end as they must"),
        ({"dead_letters": [ODD]}, "events from upstream end as they must"),
        ({"sent": [Sent("good", "settled", ODD, "inference-9")]}, "events from upstream end as they must"),
        ({"struck": [replace(struck("clock", "monitor-1", 1), relieved=False)]},
         "a frozen monitor loses the lease of recovery"),
        ({"audit": GOOD.audit | {"swept": {"inferences": 1, "attempts": 0, "ids": ["inference-3"]}}},
         "nothing is swept without a death"),
        ({"memory": [Sample("router-0", 1, float(second), 100.0 + second) for second in range(400)]},
         "memory stays flat"),
    ],
)  # fmt: skip
def test_one_violation_breaks_its_promise_and_no_other(change: dict[str, Any], name: str) -> None:
    assert broken(replace(GOOD, **change)) == [name]


def test_an_id_that_gives_an_answer_is_enough() -> None:
    note = Note(2, "key-2", {"inference-3"}, settlement="completed")
    assert broken(replace(GOOD, notes=[*GOOD.notes[:2], note])) == []


def test_a_rejection_is_no_second_inference() -> None:
    rejected = BookedInference("inference-9", "rejected", at(2))
    assert broken(replace(GOOD, inferences=[*GOOD.inferences, rejected])) == []


@pytest.mark.parametrize("error_type", ["handed_back", "expired", "circuit_open"])
def test_what_provably_never_left_need_not_be_in_the_ledger(error_type: str) -> None:
    kept_back = attempt(4, 3, 0.5, outcome="failed", error_type=error_type)
    assert broken(replace(GOOD, attempts=[*GOOD.attempts, kept_back])) == []


def test_a_stream_whose_router_was_lost_is_closed_without_a_call() -> None:
    lost = attempt(4, 3, 0.5, outcome="failed", error_type="router_lost")
    closing = attempt(5, 3, 0.6, outcome="failed", error_type="stream_broken")
    assert broken(replace(GOOD, attempts=[*GOOD.attempts, lost, closing])) == []
    assert broken(replace(GOOD, attempts=[*GOOD.attempts, closing])) == ["the other attempts never left"]


def test_an_endpoints_word_without_a_call_is_a_violation() -> None:
    invented = attempt(4, 3, 0.5, outcome="failed", error_type="server_error")
    assert broken(replace(GOOD, attempts=[*GOOD.attempts, invented])) == ["the other attempts never left"]


def test_a_repetition_that_nothing_explains_breaks_two_promises_when_a_router_came() -> None:
    handed_back = attempt(1, 1, 0, outcome="failed", error_type="handed_back")
    again = attempt(4, 1, 2, router="router-1")
    seen = evidence(handed_back, again, attempt(2, 2, 0), attempt(3, 3, 1))
    assert broken(seen) == ["calls repeated ≤ in flight on lost routers"]
    joined = replace(seen, struck=[struck("add", "router-2", 1, 3)])
    assert broken(joined)[1:] == ["routers that come and go repeat no call"]


def test_what_this_machine_has_no_means_for_is_nobodys_fault() -> None:
    seen = replace(GOOD, struck=[replace(struck("full", "kafka", 1), left_out="needs root")])
    assert broken(seen) == []
    assert (
        "1 left out"
        in {promise.name: promise.counts for promise in judged(seen, 3)}["every fault carried out as planned"]
    )


def test_a_hostile_tenant_may_be_refused_for_ever_but_what_was_taken_of_it_has_an_end() -> None:
    refused = note(9, set(), asker=HOSTILE)
    assert broken(replace(GOOD, notes=[*GOOD.notes, refused])) == []
    notes = [*GOOD.notes[:2], note(2, {"inference-3"}, asker=HOSTILE), note(3, {"inference-1"}, 200)]
    assert broken(replace(GOOD, notes=notes)) == ["every caller has an answer or an id that gives one"]


def test_an_event_from_upstream_has_no_caller() -> None:
    upstream = BookedInference("inference-9", "completed", at(2))
    sent = Sent("good", "settled", ODD, "inference-9")
    assert (
        broken(
            replace(GOOD, inferences=[*GOOD.inferences, upstream], sent=[sent], audit=counted(accepted=4, settled=4))
        )
        == []
    )


def test_a_dead_letter_of_an_odd_event_may_be_there_twice() -> None:
    sent = Sent("odd", "dead letter", ODD)
    assert broken(replace(GOOD, sent=[sent], dead_letters=[ODD, ODD])) == []


def test_what_a_dead_router_held_may_be_swept() -> None:
    lost = attempt(4, 3, 0.5, outcome="failed", error_type="router_lost")
    seen = replace(GOOD, attempts=[*GOOD.attempts, lost], struck=[struck("kill", "router-0", 1)])
    swept = {"swept": {"inferences": 1, "attempts": 1, "ids": ["inference-3"]}}
    assert "nothing is swept without a death" not in broken(replace(seen, audit=GOOD.audit | swept))


def test_what_was_on_its_way_through_a_broker_that_died_may_be_swept() -> None:
    swept = GOOD.audit | {"swept": {"inferences": 1, "attempts": 0, "ids": ["inference-3"]}}
    asked = replace(GOOD.inferences[2], accepted_at=at(5))
    seen = replace(GOOD, audit=swept, inferences=[*GOOD.inferences[:2], asked])
    assert broken(seen) == ["nothing is swept without a death"]
    assert broken(replace(seen, struck=[struck("kill", "kafka", 10)])) == []
    assert broken(replace(seen, struck=[struck("kill", "kafka", 1, 2)])) == ["nothing is swept without a death"]
