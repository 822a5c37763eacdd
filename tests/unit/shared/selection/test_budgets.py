from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared.events import TenantSpent
from shared.registry import Terms
from shared.selection.budgets import over_budget

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
TODAY = NOON.date()


def spent(day: date = TODAY, **more: Any) -> TenantSpent:
    sums = {"usd_day": 1.0, "usd_month": 10.0, "tokens_day": 100, "tokens_month": 1000}
    return TenantSpent(tenant_id="acme", day=day, as_of=NOON, **(sums | more))


def test_without_a_budget_nothing_is_used_up() -> None:
    assert over_budget(Terms(), spent(), NOON) is None


def test_with_nothing_in_the_books_a_budget_is_whole() -> None:
    assert over_budget(Terms(usd_per_day=1), None, NOON) is None


@pytest.mark.parametrize(
    ("terms", "unit", "until_s"),
    [
        ({"usd_per_day": 1.0}, "--usd-per-day", 12 * 3600),
        ({"usd_per_month": 10.0}, "--usd-per-month", 12 * 3600),
        ({"tokens_per_day": 100}, "--tokens-per-day", 12 * 3600),
        ({"tokens_per_month": 1000}, "--tokens-per-month", 12 * 3600),
    ],
)
def test_a_budget_that_is_used_up_says_until_when(terms: dict[str, Any], unit: str, until_s: float) -> None:
    refusal = over_budget(Terms(**terms), spent(), NOON)
    assert refusal is not None
    assert (refusal.error_type, refusal.http_status, refusal.retry_after_s) == ("quota_exceeded", 402, until_s)
    assert any(unit in tip for tip in refusal.tips)


@pytest.mark.parametrize("terms", [{"usd_per_day": 1.01}, {"tokens_per_month": 1001}])
def test_what_is_left_may_be_spent(terms: dict[str, Any]) -> None:
    assert over_budget(Terms(**terms), spent(), NOON) is None


def test_a_new_day_begins_a_new_budget_and_the_month_goes_on() -> None:
    yesterday = spent(date(2026, 11, 29))
    assert over_budget(Terms(usd_per_day=1), yesterday, NOON) is None
    assert over_budget(Terms(usd_per_month=10), yesterday, NOON) is not None


def test_a_new_month_begins_a_new_budget() -> None:
    assert over_budget(Terms(usd_per_month=10), spent(date(2026, 10, 31)), NOON) is None


def test_december_ends_with_the_year() -> None:
    eve = datetime(2026, 12, 31, 23, tzinfo=UTC)
    refusal = over_budget(Terms(usd_per_month=10), spent(eve.date()), eve)
    assert refusal is not None
    assert refusal.retry_after_s == 3600


def test_a_budget_of_nothing_allows_nothing() -> None:
    assert over_budget(Terms(usd_per_day=0), None, NOON) is not None
