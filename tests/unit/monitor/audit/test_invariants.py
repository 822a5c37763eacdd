from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from services.monitor.audit.invariants import Booked, Ledger, Report, check
from shared.errors import failure
from shared.events import Event, new_id
from tests.unit.shared.events.samples import ATTEMPT, INFERENCE, NOW, ended, requested, settled, started

REQUESTED, STARTED, ENDED, SETTLED = requested(), started(), ended(), settled()
ALL = (REQUESTED, STARTED, ENDED, SETTLED)
BOOKED = Booked({ATTEMPT: ENDED.event_id}, {INFERENCE: SETTLED.event_id})
OPEN = Booked({ATTEMPT: None}, {INFERENCE: None})
SOON = NOW + timedelta(seconds=5)
LONG_AFTER = NOW + timedelta(seconds=120 + 76)
ATTEMPT_NAME = f"attempt {ATTEMPT} of inference {INFERENCE} (custom:m)"


def audit(events: Iterable[Event], booked: Booked = BOOKED, now: datetime = LONG_AFTER) -> Report:
    ledger = Ledger()
    for event in events:
        ledger.add(event)
    return check(ledger, booked, now)


def test_books_that_balance() -> None:
    assert audit(ALL).as_json() == {
        "balanced": True,
        "inferences": {"accepted": 1, "settled": 1, "open": 0},
        "attempts": {"started": 1, "ended": 1, "open": 0, "late": 0},
        "swept": {"inferences": 0, "attempts": 0, "ids": []},
        "violations": [],
    }


def test_nothing_balances() -> None:
    assert audit([], Booked({}, {})).balanced


def test_the_order_of_topics_does_not_matter() -> None:
    assert audit(reversed(ALL)) == audit(ALL)


def test_repeated_events_are_not_late() -> None:
    assert audit([*ALL, *ALL]) == audit(ALL)


def test_later_words_are_counted_and_break_nothing() -> None:
    report = audit([*ALL, ended(outcome="failed"), settled(settlement="failed")])
    assert report.balanced
    assert report.attempts["late"] == 2


def test_what_runs_is_open_and_no_violation() -> None:
    report = audit([REQUESTED, STARTED], OPEN, SOON)
    assert report.balanced
    assert (report.inferences["open"], report.attempts["open"]) == (1, 1)


def test_what_waits_for_a_router_is_open_and_no_violation() -> None:
    report = audit([REQUESTED], OPEN, SOON)
    assert report.balanced
    assert report.inferences == {"accepted": 1, "settled": 0, "open": 1}


def test_what_is_over_its_deadline_by_a_little_is_not_yet_lost() -> None:
    assert audit([REQUESTED, STARTED], OPEN, NOW + timedelta(seconds=120 + 75)).balanced


def test_what_was_booked_while_the_topics_were_read_is_no_violation() -> None:
    assert audit([REQUESTED, STARTED], BOOKED, SOON).balanced


def test_what_is_booked_and_no_longer_on_the_topics_is_no_violation() -> None:
    assert audit([]).balanced


def test_a_deadline_at_the_end_of_time_is_not_past() -> None:
    forever = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert audit([requested().model_copy(update={"deadline_at": forever})], OPEN).balanced


def test_a_rejected_request_was_never_accepted() -> None:
    rejected = settled(settlement="rejected")
    report = audit([rejected], Booked({}, {INFERENCE: rejected.event_id}))
    assert report.balanced
    assert report.inferences == {"accepted": 0, "settled": 0, "open": 0}


def test_an_accepted_inference_that_is_never_settled() -> None:
    assert audit([REQUESTED], OPEN).violations == [
        f"inference {INFERENCE} was accepted and is not settled, long after its deadline"
    ]


def test_an_accepted_inference_that_is_not_in_the_books() -> None:
    assert audit([REQUESTED], Booked({}, {}), SOON).violations == [
        f"inference {INFERENCE} is accepted on the topics and not in the books"
    ]


def test_what_the_sweep_had_to_close_is_told_unless_somebody_else_had_spoken_first() -> None:
    closed = ended(outcome="failed", error=failure("expired", "closed by the sweep"), swept=True)
    expired = settled(settlement="expired", swept=True)
    swept = audit([REQUESTED, STARTED, closed, expired])
    assert swept.as_json()["swept"] == {"inferences": 1, "attempts": 1, "ids": [str(INFERENCE)]}
    late = audit([*ALL, ended(event_id=new_id(), swept=True), settled(event_id=new_id(), swept=True)])
    assert late.as_json()["swept"] == {"inferences": 0, "attempts": 0, "ids": []}


def test_an_attempt_that_is_never_closed() -> None:
    assert audit([REQUESTED, STARTED, SETTLED], Booked({ATTEMPT: None}, BOOKED.inferences)).violations == [
        f"{ATTEMPT_NAME} was started and has no outcome, long after its deadline",
        f"inference {INFERENCE} is completed without an attempt that succeeded",
    ]


def test_an_outcome_of_a_call_that_was_never_put_on_record() -> None:
    assert audit([REQUESTED, ENDED, SETTLED]).violations == [
        f"{ATTEMPT_NAME} has an outcome but was never put on record as started"
    ]


def test_an_attempt_that_is_not_in_the_books() -> None:
    assert audit(ALL, Booked({}, BOOKED.inferences)).violations == [
        f"{ATTEMPT_NAME} is on the topics and not in the books"
    ]


@pytest.mark.parametrize("word", [new_id(), None])
def test_an_attempt_that_is_booked_with_another_outcome(word: object) -> None:
    report = audit(ALL, Booked({ATTEMPT: word}, BOOKED.inferences))  # type: ignore[dict-item]
    assert report.violations == [f"{ATTEMPT_NAME} is booked with another outcome than the first one on the topic"]


def test_the_first_of_two_outcomes_is_the_one_to_be_booked() -> None:
    second = ended(outcome="failed")
    report = audit([*ALL, second], Booked({ATTEMPT: second.event_id}, BOOKED.inferences))
    assert report.violations == [f"{ATTEMPT_NAME} is booked with another outcome than the first one on the topic"]


def test_a_completed_inference_whose_calls_all_failed() -> None:
    failed = ended(outcome="failed")
    report = audit([REQUESTED, STARTED, failed, SETTLED], Booked({ATTEMPT: failed.event_id}, BOOKED.inferences))
    assert report.violations == [f"inference {INFERENCE} is completed without an attempt that succeeded"]


def test_a_failed_inference_needs_no_attempt() -> None:
    expired = settled(settlement="expired")
    assert audit([REQUESTED, expired], Booked({}, {INFERENCE: expired.event_id})).balanced


def test_a_settlement_that_is_not_in_the_books() -> None:
    assert audit(ALL, Booked(BOOKED.attempts, {})).violations == [
        f"inference {INFERENCE} is settled on the topics and not in the books"
    ]


@pytest.mark.parametrize("word", [new_id(), None])
def test_a_settlement_that_is_booked_as_another(word: object) -> None:
    report = audit(ALL, Booked(BOOKED.attempts, {INFERENCE: word}))  # type: ignore[dict-item]
    assert report.violations == [
        f"inference {INFERENCE} is booked with another settlement than the first one on the topic"
    ]


def test_what_was_found_while_reading_is_a_violation() -> None:
    report = check(Ledger(), Booked({}, {}), NOW, ["the monitor is behind"])
    assert (report.balanced, report.violations) == (False, ["the monitor is behind"])


def test_a_success_that_came_late_stands_behind_a_completed_inference() -> None:
    lost, success = ended(outcome="failed"), ended(outcome="succeeded", event_id=new_id())
    booked = Booked({ATTEMPT: lost.event_id}, BOOKED.inferences)
    report = audit([REQUESTED, STARTED, lost, success, SETTLED], booked)
    assert report.balanced
    assert report.attempts["late"] == 1
