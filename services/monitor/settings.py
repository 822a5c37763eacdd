"""Settings of the monitor, from the environment."""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from shared.crypto.signing import SigningSettings
from shared.db.reads import ReadSettings
from shared.events import HealthThresholds
from shared.service.settings import MetricsModelNames, ServiceSettings
from shared.settings import Beyond, GroupName, Port


class MonitorSettings(ServiceSettings):
    """`TALLYGATE_MONITOR_*`."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_MONITOR_")

    port: Port = Field(default=8001, description="the port to listen on")
    group: GroupName = Field(
        default="monitor", description="the consumer group. `tallygate audit` looks at the group `monitor`"
    )
    features_group: GroupName = Field(
        default="monitor-features", description="the consumer group for what features workers say"
    )
    router_group: GroupName = Field(
        default="router", description="the group of the routers, whose offsets tell what was claimed"
    )
    batch: Annotated[int, Beyond(words="the rest is booked in the next transaction")] = Field(
        default=500, ge=1, le=10_000, description="events booked in one transaction, at most"
    )
    max_deliveries: Annotated[int, Beyond("router_lost")] = Field(
        default=5, ge=1, le=100,
        description="routers that may be lost with one inference before it is settled as failed",
    )  # fmt: skip
    recovery_lease_s: Annotated[float, Beyond(words="another monitor recovers")] = Field(
        default=15.0, ge=0.5, le=3600,
        description="a monitor that stands still while it recovers keeps the others from it for so long",
    )  # fmt: skip
    sweep_after_s: Annotated[float, Beyond("expired")] = Field(
        default=60.0, ge=1, le=86_400,
        description="what is open so long past its deadline is settled by the monitor, whoever has it",
    )  # fmt: skip
    # Topics keep attempts and outcomes for 30 days, so that an audit finds in the books what it finds there.
    retention_days: Annotated[int, Beyond(words="what is still said of such a day is a late word")] = Field(
        default=30, ge=1, le=3650,
        description="UTC days for which rows and sums by minute are kept; older days are dropped",
    )  # fmt: skip
    sums_retention_days: Annotated[int, Beyond(words="they are deleted")] = Field(
        default=400,
        ge=1,
        le=3650,
        description="days for which sums by hour, day and month are kept, what was spent, and changes of health",
    )
    # A model's owner may say otherwise of it (PATCH /api/models/custom/<model_id>).
    health_degraded_at: Annotated[float, Beyond(words="the model is `degraded`")] = Field(
        default=0.1,
        gt=0,
        le=1,
        description="share of calls of the last five minutes that failed by the endpoint's fault",
    )
    health_unhealthy_at: Annotated[float, Beyond(words="it is `unhealthy`, and others are tried before it")] = Field(
        default=0.5, gt=0, le=1, description="the same; not below TALLYGATE_MONITOR_HEALTH_DEGRADED_AT"
    )
    health_min_calls: Annotated[int, Beyond(words="their share of failures counts")] = Field(
        default=5, ge=1, le=100_000, description="with fewer calls in five minutes a share says nothing"
    )
    feeds: Annotated[int, Beyond("too_many_requests")] = Field(
        default=64, ge=1, le=10_000, description="live feeds that one monitor tells at a time"
    )
    feeds_per_tenant: Annotated[int, Beyond("too_many_requests")] = Field(
        default=8, ge=1, le=10_000, description="of these, of one tenant"
    )
    feed_events: Annotated[int, Beyond(words="the feed ends, and says so")] = Field(
        default=1000, ge=10, le=100_000, description="events that wait for a reader of a live feed"
    )
    exports: Annotated[int, Beyond("too_many_requests")] = Field(
        default=4, ge=1, le=1000, description="files that one monitor makes of the books at a time"
    )
    exports_per_tenant: Annotated[int, Beyond("too_many_requests")] = Field(
        default=1, ge=1, le=1000, description="of these, of one tenant"
    )
    # Longer than any statement takes: what a booking of before midnight tells is there by then.
    seal_after_s: Annotated[float, Beyond(words="what is booked later is held by a further seal")] = Field(
        default=900.0, ge=120, le=86_400,
        description="a day of the books is sealed when it has been over for so long and all events are booked",
    )  # fmt: skip
    signing: SigningSettings = Field(default_factory=SigningSettings)
    # Savings are what the tokens of custom models would have cost here.
    savings_reference: str = Field(
        default="openai:gpt-4o", max_length=300, pattern=r"^([^\x00-\x20:]+:[^\x00-\x20]+)?$",
        description="`<provider>:<model>` of genai-prices: what the tokens of custom models would have cost there. "
        "Empty: no savings",
    )  # fmt: skip
    metrics_model_names: MetricsModelNames = False
    reads: ReadSettings = Field(default_factory=ReadSettings)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.health_degraded_at > self.health_unhealthy_at:
            raise ValueError(
                "TALLYGATE_MONITOR_HEALTH_DEGRADED_AT must not be above TALLYGATE_MONITOR_HEALTH_UNHEALTHY_AT"
            )
        return self

    @property
    def health_thresholds(self) -> HealthThresholds:
        return HealthThresholds(
            degraded_at=self.health_degraded_at, unhealthy_at=self.health_unhealthy_at, min_calls=self.health_min_calls
        )
