"""How a model's health is judged and whether it is probed, by its owner's word. Values only."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.events.bounds import Integral

LEAST_PROBE_S, MOST_PROBE_S = 60, 86_400

Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]  # of the calls that count
FewestCalls = Annotated[int, Field(ge=1, le=100_000), Integral]


class HealthRule(BaseModel):
    """From which share of failed calls on a model is degraded, and unhealthy, and of how many calls at least. None: as
    the deployment says."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    degraded_at: Share | None = None
    unhealthy_at: Share | None = None
    min_calls: FewestCalls | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.degraded_at is not None and self.unhealthy_at is not None and self.degraded_at > self.unhealthy_at:
            raise ValueError("degraded_at must not be above unhealthy_at")
        return self


class Probing(BaseModel):
    """The model is asked for a tiny completion every so many seconds, which its owner pays."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    every_s: Annotated[int, Field(ge=LEAST_PROBE_S, le=MOST_PROBE_S), Integral]
