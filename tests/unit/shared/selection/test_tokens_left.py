"""What is left of a tenant's budgets of tokens."""

from datetime import UTC, date, datetime

from shared.events import TenantSpent
from shared.registry import Terms
from shared.selection.budgets import Allowance, has_token_budget, tokens_left

NOW = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)


def _spent(day: date, today: int, month: int) -> TenantSpent:
    return TenantSpent(
        tenant_id="acme", day=day, usd_day=0.0, usd_month=0.0, tokens_day=today, tokens_month=month, as_of=NOW
    )


def test_the_budget_with_the_least_left_is_told() -> None:
    terms = Terms(tokens_per_day=1000, tokens_per_month=5000)
    assert tokens_left(terms, _spent(NOW.date(), 100, 4900), NOW) == Allowance(5000, 100, 3600.0)
    assert tokens_left(terms, _spent(NOW.date(), 950, 951), NOW) == Allowance(1000, 50, 3600.0)


def test_nothing_is_left_of_what_is_more_than_used_up() -> None:
    assert tokens_left(Terms(tokens_per_day=10), _spent(NOW.date(), 11, 11), NOW).remaining == 0


def test_what_was_spent_on_another_day_is_not_of_today() -> None:
    assert tokens_left(Terms(tokens_per_day=10), _spent(date(2026, 11, 29), 9, 9), NOW).remaining == 10


def test_a_budget_in_dollars_is_none_of_tokens() -> None:
    assert not has_token_budget(Terms(usd_per_day=5))
