"""What a tenant may do: its plan, with its own terms before it."""

from collections.abc import Callable, Iterable
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from shared.events.bounds import Integral
from shared.policies import Policy

MIN_RATE_PER_S = 0.001

Number = TypeVar("Number", int, float)


def at_least(minimum: Number) -> Callable[[Number], Number]:
    """0 would be read as "none at all" by one and as "no limit" by another, so it is neither."""

    def checked(value: Number) -> Number:
        if value < minimum:
            raise ValueError(
                f"must be at least {minimum}; to block a tenant, set usd_per_day to 0 or revoke its keys; "
                "to go back to the deployment's limit, unset it"
            )
        return value

    return checked


RatePerS = Annotated[
    float, Field(le=1e15, json_schema_extra={"minimum": MIN_RATE_PER_S}), AfterValidator(at_least(MIN_RATE_PER_S))
]
Places = Annotated[int, Field(le=10**15, json_schema_extra={"minimum": 1}), AfterValidator(at_least(1)), Integral]


RetentionS = Annotated[float, Field(ge=60, le=366 * 86_400)]


class Terms(BaseModel):
    """All are optional. Limits that are None are the deployment's, or none.

    policy: how models are chosen when a request does not say.
    provider_allow, provider_deny: patterns of provider model ids ("openai:*"); what is denied is not allowed.
    usd_*, tokens_*: budgets by UTC day and month. rate_per_s, burst, max_in_flight: of one gateway.
    result_retention_s: for how long results of background inferences are kept, from when they are accepted on.
    shadow_model, shadow_share: the id of a model that gets copies of this share, 0 to 1, of the tenant's chats.
    shadow_usd_per_day: for what copies cost, which is in no other budget.
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
    result_retention_s: float | None = Field(default=None, gt=0)
    shadow_model: str | None = None
    shadow_share: float | None = Field(default=None, ge=0, le=1)
    shadow_usd_per_day: float | None = Field(default=None, ge=0)

    @field_validator("rate_per_s", "burst", "max_in_flight")
    @classmethod
    def _stored_before_there_was_a_minimum(cls, value: float | None) -> float | None:
        return max(value, MIN_RATE_PER_S) if value else None

    def allows_provider_model(self, model_id: str) -> bool:
        return matches(self.provider_allow, model_id) and not matches(self.provider_deny, model_id)


def matches(patterns: Iterable[str], model_id: str) -> bool:
    """Patterns are ids in which `*` stands for anything."""
    return any(_fits(pattern, model_id) for pattern in patterns)


def _fits(pattern: str, model_id: str) -> bool:
    """By searching each part behind the one before it: a regular expression would be made for each pattern anew, and
    a key or a request may have a hundred of them, which are held against every model of its tenant."""
    first, *rest = pattern.split("*")
    if not rest:
        return model_id == pattern
    *middle, last = rest
    place, end = len(first), len(model_id) - len(last)
    if place > end or not (model_id.startswith(first) and model_id.endswith(last)):
        return False
    for part in middle:
        found = model_id.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True
