from dataclasses import replace

import pytest

from tests.chaos.evidence import BookedInference, Call, RouterLife
from tests.chaos.repeats import during_membership, in_flight, pid_of, repeats, router_ids_of, unexplained
from tests.unit.chaos.values import at, attempt, evidence, struck

LOST = {"outcome": "failed", "error_type": "router_lost"}


def test_a_retry_is_no_repetition() -> None:
    failed = attempt(1, 1, 0, outcome="failed", error_type="server_error")
    assert repeats(evidence(failed, attempt(2, 1, 1))) == []


@pytest.mark.parametrize("error_type", ["router_lost", "handed_back", "expired"])
def test_a_call_after_one_whose_end_is_unknown_is_a_repetition(error_type: str) -> None:
    lost = attempt(1, 1, 0, outcome="failed", error_type=error_type)
    again = attempt(2, 1, 1, router="router-1")
    assert repeats(evidence(lost, again)) == [(lost, again)]


def test_a_call_after_a_success_is_a_repetition() -> None:
    assert len(repeats(evidence(attempt(1, 1, 0), attempt(2, 1, 1)))) == 1


def test_what_never_reached_the_endpoint_is_not_repeated() -> None:
    lost, again = attempt(1, 1, 0, **LOST), attempt(2, 1, 1)
    assert repeats(evidence(lost, again, calls=[Call(again.attempt_id, "demo")])) == []


def test_a_router_that_was_killed_had_its_unsettled_inferences_in_its_hands() -> None:
    seen = evidence(
        attempt(1, 1, 0, **LOST),
        attempt(2, 2, 0),
        attempt(3, 3, 0, router="router-1"),
        attempt(4, 4, 9),
        struck=[struck("kill", "router-0", 5)],
        inferences=[BookedInference("inference-2", "completed", at(1))],
    )
    assert in_flight(seen) == {0: {"inference-1"}}  # 2 was settled, 3 on another router, 4 came later


def test_a_repetition_after_a_kill_is_explained() -> None:
    seen = evidence(
        attempt(1, 1, 0, **LOST), attempt(2, 1, 12, router="router-1"), struck=[struck("kill", "router-0", 1)]
    )
    assert (len(repeats(seen)), unexplained(seen)) == (1, [])


def test_a_repetition_that_no_fault_explains_is_told() -> None:
    seen = evidence(attempt(1, 1, 0, **LOST), attempt(2, 1, 12), struck=[struck("term", "router-0", 1)])
    assert len(unexplained(seen)) == 1


def test_a_repetition_while_a_router_came_is_counted_for_it() -> None:
    seen = evidence(attempt(1, 1, 0, **LOST), attempt(2, 1, 12), struck=[struck("add", "router-2", 1, 3)])
    assert len(during_membership(seen)) == 1
    assert during_membership(evidence(*seen.attempts, struck=[struck("add", "router-2", 20, 22)])) == []


def test_a_router_names_its_process() -> None:
    assert pid_of("my-host-9-4711-beef") == 4711
    assert pid_of("") == 0


LIVES = [
    RouterLife("chaos-router-0-aaaa", at(0)),
    RouterLife("chaos-router-0-bbbb", at(20)),
    RouterLife("chaos-router-1-cccc", at(20)),
    RouterLife("chaos-router-0-dddd", at(40)),
]


def test_of_several_lives_under_one_name_the_one_is_meant_that_was_struck() -> None:
    killed = replace(struck("kill", "router-0", 30), born_at=at(18))
    assert router_ids_of(killed, LIVES) == {"chaos-router-0-bbbb"}


def test_a_router_that_was_killed_before_it_was_heard_is_not_taken_for_the_next_one() -> None:
    killed = replace(struck("kill", "router-0", 38), born_at=at(37))
    assert router_ids_of(killed, LIVES) == set()
