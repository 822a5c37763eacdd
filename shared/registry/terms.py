"""What a tenant may do: its plan, with its own terms before it."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, Field

from shared.policies import Policy


class Terms(BaseModel):
    """All are optional. Limits that are None are the deployment's, or none.

    policy: how models are chosen when a request does not say.
    provider_allow, provider_deny: patterns of provider model ids ("openai:*"); what is denied is not allowed.
    usd_*, tokens_*: budgets by UTC day and month. rate_per_s, burst, max_in_flight: of one gateway.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    policy: Policy = "custom_first"
    provider_allow: tuple[str, ...] = ("*",)
    provider_deny: tuple[str, ...] = ()
    usd_per_day: float | None = Field(default=None, ge=0)
    usd_per_month: float | None = Field(default=None, ge=0)
    tokens_per_day: int | None = Field(default=None, ge=0)
    tokens_per_month: int | None = Field(default=None, ge=0)
    rate_per_s: float | None = Field(default=None, ge=0)
    burst: int | None = Field(default=None, ge=0)
    max_in_flight: int | None = Field(default=None, ge=0)

    def allows_provider_model(self, model_id: str) -> bool:
        return matches(self.provider_allow, model_id) and not matches(self.provider_deny, model_id)


def matches(patterns: Iterable[str], model_id: str) -> bool:
    """Patterns are ids in which `*` stands for anything."""
    return any(fnmatchcase(model_id, pattern) for pattern in patterns)
