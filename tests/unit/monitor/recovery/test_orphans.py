"""What becomes of work whose router is gone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.monitor.recovery import orphans
from services.monitor.recovery.orphans import Action, LostAttempt, Orphan, OrphanAttempt

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LOST = OrphanAttempt(
    attempt_id=UUID("019a0000-0000-7000-8000-000000000002"), attempt_number=1, model="custom:m", provider_name="openai",
    server_address="h:80", started_at=NOW - timedelta(seconds=12), outcome=None, error=None,
)  # fmt: skip
ORPHAN = Orphan(
    inference_id=UUID("019a0000-0000-7000-8000-000000000001"), tenant_id="acme", router_id="r1", delivery=1,
    accepted_at=NOW - timedelta(seconds=20), deadline_at=NOW + timedelta(seconds=100), operation_name="chat",
    key_id="k1", session="s1", tags={"team": "a"}, model_requested=None, request_partition=3, request_offset=42,
    reply_partition=5, store_result=False, attempts=[LOST],
)  # fmt: skip


@pytest.mark.parametrize(
    ("committed", "change", "action"),
    [
        ({3: 43}, {}, "redeliver"),
        ({3: 42}, {}, "leave"),
        ({}, {}, "leave"),
        ({2: 99}, {}, "leave"),
        ({3: 43}, {"delivery": 4}, "redeliver"),
        ({3: 43}, {"delivery": 5}, "give_up"),
        ({3: 43}, {"deadline_at": NOW}, "expire"),
        ({3: 43}, {"deadline_at": NOW, "delivery": 5}, "expire"),
        ({3: 42}, {"deadline_at": NOW}, "leave"),
    ],
)
def test_only_what_was_claimed_comes_back_and_only_while_it_may(
    committed: dict[int, int], change: dict[str, object], action: Action
) -> None:
    assert orphans.decide(replace(ORPHAN, **change), committed, 5, NOW) == action  # type: ignore[arg-type]


def test_an_open_attempt_is_closed_as_router_lost_and_says_by_whom() -> None:
    attempt = LostAttempt(
        LOST.attempt_id, ORPHAN.inference_id, "acme", "r1", 1, "custom:m", "openai", "h:80", LOST.started_at
    )
    word = orphans.closed(attempt, "m1", NOW)
    assert (word.attempt_id, word.outcome, word.duration_s) == (LOST.attempt_id, "failed", 12.0)
    assert word.error is not None
    assert word.error.error_type == "router_lost"
    assert "r1" in word.error.detail
    assert word.reported_by == "monitor/m1"


def test_attempts_are_counted_over_all_deliveries() -> None:
    ended = replace(LOST, attempt_number=2, outcome="failed", error={"error_type": "server_error", "detail": "x"})
    assert replace(ORPHAN, attempts=[LOST, ended]).attempts_made == 2


@pytest.mark.parametrize(
    ("action", "settlement", "error_type"),
    [("expire", "expired", "expired"), ("give_up", "failed", "router_lost"), ("unreadable", "failed", "router_lost")],
)
def test_what_cannot_be_handed_out_again_is_settled_and_its_caller_told(
    action: Action, settlement: str, error_type: str
) -> None:
    word = orphans.settled(ORPHAN, action, "m1", NOW)
    answer = orphans.reply(ORPHAN, word)
    assert (word.settlement, answer.settlement) == (settlement, settlement)
    asked_by = (word.operation_name, word.api_key_id, word.session, word.tags)
    assert asked_by == ("chat", "k1", "s1", {"team": "a"})
    assert word.error is not None
    assert word.error.error_type == answer.error.error_type == error_type
    assert [one.error_type for one in answer.failed_attempts] == ["router_lost"]
