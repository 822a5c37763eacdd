from datetime import timedelta
from typing import Any

import pytest

from shared.events import CAP_LIFE, SessionCapped, SessionSpent, utc_now
from shared.selection import Conditions
from shared.selection.session_caps import CappedSession, Used, over_cap

NOW = utc_now()
SINCE = NOW - timedelta(minutes=5)


def cap(session: str = "run-42", tenant: str = "acme", **more: Any) -> SessionCapped:
    return SessionCapped(tenant_id=tenant, session=session, **({"since": SINCE} | more))


def spent(session: str = "run-42", tenant: str = "acme", **more: Any) -> SessionSpent:
    used = {"usd": 0.5, "calls": 10, "tokens": 900, "since": SINCE, "as_of": NOW}
    return SessionSpent(tenant_id=tenant, session=session, **(used | more))


def heard(*events: SessionCapped | SessionSpent) -> Conditions:
    conditions = Conditions()
    for event in events:
        conditions.heard(event)
    return conditions


@pytest.mark.parametrize(
    ("amounts", "used_up"),
    [
        ({"usd": 0.5}, ("usd",)), ({"usd": 0.51}, ()), ({"calls": 10}, ("calls",)), ({"calls": 11}, ()),
        ({"tokens": 900}, ("tokens",)), ({"tokens": 901}, ()), ({"usd": 0.0}, ("usd",)),
        ({"usd": 9.0, "calls": 10, "tokens": 5}, ("calls", "tokens")),
    ],
)  # fmt: skip
def test_a_session_is_refused_when_anything_of_its_cap_is_used_up(
    amounts: dict[str, Any], used_up: tuple[str, ...]
) -> None:
    session = CappedSession(cap(**amounts), Used(0.5, 10, 900))
    assert session.used_up == used_up
    assert (over_cap(session) is not None) == bool(used_up)


def test_a_refusal_says_what_was_used_of_how_much() -> None:
    refusal = over_cap(heard(cap(usd=5.0, calls=10), spent()).session("acme", "run-42"))
    assert refusal is not None
    assert (refusal.error_type, refusal.http_status, refusal.retryable) == ("quota_exceeded", 402, False)
    assert "run-42 has used $0.5000 of $5.0000, 10 calls of 10 calls, 900 tokens since" in refusal.detail
    assert "tallygate sessions cap run-42 --calls <number>" in str(refusal.tips)


def test_before_its_first_request_is_settled_a_session_has_used_nothing() -> None:
    session = heard(cap(calls=1)).session("acme", "run-42")
    assert session is not None
    assert session.used == Used(0.0, 0, 0)
    assert over_cap(heard(cap(calls=0)).session("acme", "run-42")) is not None, "0 allows nothing"


def test_a_session_of_another_tenant_or_name_is_another_one() -> None:
    conditions = heard(cap(calls=10), spent())
    assert over_cap(conditions.session("acme", "run-42")) is not None
    assert conditions.session("other", "run-42") is None
    assert conditions.session("acme", "run-43") is None


def test_the_newest_cap_counts_with_what_was_used() -> None:
    conditions = heard(cap(calls=10), spent(), cap(calls=20))
    session = conditions.session("acme", "run-42")
    assert session is not None
    assert (session.cap.calls, session.used.calls, session.used_up) == (20, 10, ())
    conditions.heard(cap())
    assert conditions.session("acme", "run-42") is None, "without an amount it is capped no more"


def test_what_an_earlier_cap_counted_does_not_count_for_a_new_one() -> None:
    session = heard(cap(calls=10, since=NOW), spent()).session("acme", "run-42")
    assert session is not None
    assert session.used == Used()


def test_an_old_cap_holds_no_more() -> None:
    assert heard(cap(calls=1, since=utc_now() - CAP_LIFE)).session("acme", "run-42") is None


def test_caps_that_are_over_are_forgotten_and_no_other() -> None:
    conditions, long_ago = heard(cap(calls=10), spent()), utc_now() - CAP_LIFE
    for number in range(3000):
        conditions.heard(cap(f"gone-{number}"))
        conditions.heard(spent(f"old-{number}", since=long_ago))
    assert len(conditions._caps) + len(conditions._sessions_spent) < 1002
    assert over_cap(conditions.session("acme", "run-42")) is not None
