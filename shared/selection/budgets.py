"""Pure: has a tenant used up what its terms allow? The books say what was spent, a few seconds ago."""

from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from shared.errors import Failure, failure
from shared.events import TenantSpent
from shared.registry import Terms

_NO_LIMITS = (None, None, None, None)


class Allowance(NamedTuple):
    """How much of something a tenant may have, how much of that is left, and in how many seconds it is whole again."""

    limit: int
    remaining: int
    reset_s: float


class _Budget(NamedTuple):
    limit: float | None
    spent: float
    unit: str
    period: str
    again_at: datetime

    @property
    def option(self) -> str:
        return f"{self.unit.lower()}-per-{self.period}"


def over_budget(terms: Terms, spent: TenantSpent | None, now: datetime) -> Failure | None:
    """Why nothing more may be spent now; None when something may. Days and months are those of UTC."""
    limits = terms.usd_per_month, terms.tokens_per_month, terms.usd_per_day, terms.tokens_per_day
    if limits == _NO_LIMITS:
        return None
    for budget in _budgets(terms, spent, now):
        if budget.limit is not None and budget.spent >= budget.limit:
            return _used_up(budget, now)
    return None


def shadow_usd(spent: TenantSpent | None, now: datetime) -> float:
    """What copies for a model on trial have cost today, of a tenant that has a budget for them."""
    return spent.shadow_usd_day if spent is not None and spent.day == now.date() else 0.0


def has_shadow_budget_left(terms: Terms, spent: TenantSpent | None, now: datetime) -> bool:
    return terms.shadow_usd_per_day is None or shadow_usd(spent, now) < terms.shadow_usd_per_day


def has_token_budget(terms: Terms) -> bool:
    return terms.tokens_per_day is not None or terms.tokens_per_month is not None


def tokens_left(terms: Terms, spent: TenantSpent | None, now: datetime) -> Allowance:
    """Of the budgets of tokens, of which there is one at least, the one with the least left."""
    left = [
        Allowance(int(budget.limit), max(0, int(budget.limit - budget.spent)), (budget.again_at - now).total_seconds())
        for budget in _budgets(terms, spent, now)
        if budget.unit == "tokens" and budget.limit is not None
    ]
    return min(left, key=lambda allowance: allowance.remaining)


class Reached(NamedTuple):
    """A budget that is used up. budget: as its term is named, such as usd_per_day; as_of: of what was spent."""

    budget: str
    limit: float
    spent: float
    as_of: datetime
    again_at: datetime


def reached(terms: Terms, spent: TenantSpent) -> list[Reached]:
    """The budgets that were used up when that was spent."""
    return [
        Reached(budget.option.replace("-", "_"), budget.limit, budget.spent, spent.as_of, budget.again_at)
        for budget in _budgets(terms, spent, spent.as_of)
        if budget.limit is not None and budget.spent >= budget.limit
    ]


def _budgets(terms: Terms, spent: TenantSpent | None, now: datetime) -> tuple[_Budget, ...]:
    today = spent is not None and spent.day == now.date()
    this_month = spent is not None and (spent.day.year, spent.day.month) == (now.year, now.month)
    usd_day, tokens_day = (spent.usd_day, spent.tokens_day) if spent and today else (0.0, 0)
    usd_month, tokens_month = (spent.usd_month, spent.tokens_month) if spent and this_month else (0.0, 0)
    tomorrow = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    next_month = datetime.combine((now.date().replace(day=1) + timedelta(days=32)).replace(day=1), time(), UTC)
    return (
        _Budget(terms.usd_per_month, usd_month, "USD", "month", next_month),
        _Budget(terms.tokens_per_month, tokens_month, "tokens", "month", next_month),
        _Budget(terms.usd_per_day, usd_day, "USD", "day", tomorrow),
        _Budget(terms.tokens_per_day, tokens_day, "tokens", "day", tomorrow),
    )


def _used_up(budget: _Budget, now: datetime) -> Failure:
    """402: repeating it cannot help, and clients that repeat a 429 by themselves would."""
    return failure(
        "quota_exceeded",
        f"your tenant has used {_amount(budget.spent, budget.unit)} of the {_amount(budget.limit or 0, budget.unit)} "
        f"that its plan allows in a {budget.period}; it may go on at {budget.again_at:%Y-%m-%d %H:%M} UTC",
        http_status=402,
        title=f"The budget of this {budget.period} is used up",
        tips=(
            "See it: tallygate tenants show <tenant>",
            f"An operator can raise it: tallygate tenants set <tenant> --{budget.option} <number>",
        ),
        retry_after_s=(budget.again_at - now).total_seconds(),
    )


def _amount(value: float, unit: str) -> str:
    return f"${value:,.4f}" if unit == "USD" else f"{value:,.0f} tokens"
