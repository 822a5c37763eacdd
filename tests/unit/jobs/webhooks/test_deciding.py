from datetime import timedelta

import pytest

from services.jobs.webhooks.deciding import Answer, Round, Tried, after_round, after_try, wait_s
from shared.events import new_id
from shared.webhooks.store import Due
from tests.unit.shared.events.samples import NOW

DAY_S = 86_400.0
TAKEN, FAILED, GONE = Answer(204, None), Answer(500, "answered 500"), Answer(410, "answered 410")
HEALTHY = Round(0, None, DAY_S)


def tried(answer: Answer, failures: int = 0, age: timedelta = timedelta()) -> Tried:
    return Tried(Due(new_id(), "{}", failures, NOW - age), answer, NOW, 0.1)


def test_waits_grow_to_an_hour_and_stay_there() -> None:
    assert [wait_s(failures, 1.0) for failures in range(1, 8)] == [5, 30, 120, 600, 3600, 3600, 3600]
    assert wait_s(1, 1.1) == pytest.approx(5.5)


def test_what_is_taken_is_not_tried_again() -> None:
    kept = after_try(tried(TAKEN, 3, timedelta(days=2)), DAY_S, 1.0)
    assert kept.taken is True
    assert kept.tried == {"at": NOW.isoformat(), "status": 204, "error": None, "took_s": 0.1}


def test_what_fails_is_tried_again_for_a_day() -> None:
    again = after_try(tried(FAILED, 1, timedelta(hours=23)), DAY_S, 1.0)
    assert (again.taken, again.due_at) == (None, NOW + timedelta(seconds=30))
    assert after_try(tried(FAILED, 28, timedelta(days=1)), DAY_S, 1.0).taken is False


def test_a_receiver_that_took_something_is_well() -> None:
    before = Round(4, NOW - timedelta(days=2), DAY_S)
    assert after_round(before, [tried(FAILED), tried(TAKEN)], NOW, 1.0) == (0, None, None, True, None)


def test_a_receiver_that_took_nothing_rests_longer_each_time() -> None:
    first = after_round(HEALTHY, [tried(FAILED)], NOW, 1.0)
    assert first == (1, NOW, NOW + timedelta(seconds=5), False, None)
    since = NOW - timedelta(hours=3)
    later = after_round(Round(4, since, DAY_S), [tried(FAILED)], NOW, 1.0)
    assert later == (5, since, NOW + timedelta(hours=1), False, None)


def test_a_receiver_that_took_nothing_for_a_day_is_called_no_more() -> None:
    since = NOW - timedelta(days=1)
    state = after_round(Round(27, since, DAY_S), [tried(FAILED)], NOW, 1.0)
    assert state.disabled_because == "nothing was taken since 2026-11-22 12:00 UTC; at last its receiver answered 500"


def test_a_receiver_that_is_gone_is_called_no_more() -> None:
    assert after_round(HEALTHY, [tried(GONE)], NOW, 1.0).disabled_because == "its receiver answered 410: it is gone"
    assert after_round(HEALTHY, [tried(GONE), tried(TAKEN)], NOW, 1.0).disabled_because is None
