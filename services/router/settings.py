"""Settings of the router, from the environment."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.router.room import RoomLimits
from shared.crypto.keys import KeySettings
from shared.db import DatabaseSettings
from shared.guard import GuardSettings
from shared.registry import ProviderSettings
from shared.service.settings import MetricsModelNames, ServiceSettings
from shared.settings import Beyond, GroupName, Port

TracedEndpoints = Literal["none", "providers", "all"]

_PAUSED = Beyond("circuit_open", words="the next candidate is tried")


class RouterDatabaseSettings(DatabaseSettings):
    """A router reads the registry, and leases places of models: it needs few connections."""

    database_pool_size: int = Field(default=2, ge=1, le=1000, description="connections of one router")


class RouterSettings(ServiceSettings):
    """`TALLYGATE_*` and `TALLYGATE_ROUTER_*`."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_ROUTER_")

    port: Port = Field(default=8010, description="the port to listen on, for `/healthz`, `/readyz` and `/metrics`")
    group: GroupName = Field(
        default="router",
        description="the consumer group; routers of one group share the requests, and by `<group>-bulk` those of bulk",
    )
    max_in_flight: Annotated[int, Beyond(words="requests wait in the router, by turn of their tenants")] = Field(
        default=2000, ge=1, le=100_000, description="inferences that the router works on at a time"
    )
    trace_endpoints: TracedEndpoints = Field(
        default="providers",
        description="which endpoints get `traceparent` and `tracestate` of a call: those of `providers`, `all` (of "
        "tenants too) or `none`",
    )
    metrics_model_names: MetricsModelNames = False
    # What two gateways let in.
    max_waiting: Annotated[int, Beyond("too_many_requests")] = Field(
        default=8000, ge=1, le=1_000_000, description="inferences that wait in the router for one of these places"
    )
    # Opened and decoded they take about three times as much.
    max_held_bytes: Annotated[int, Beyond("too_many_requests")] = Field(
        default=1024**3, ge=16 * 1024**2, le=1024**5,
        description="bytes of all requests that the router works on or that wait in it, and of the answers to them",
    )  # fmt: skip
    tenant_share: Annotated[float, Beyond(words="its requests wait, and then are refused")] = Field(
        default=0.8, gt=0, lt=1,
        description="of work and bytes, what one tenant gets while nobody else wants any; the rest is for others. "
        "Of the places to wait it gets half at most",
    )  # fmt: skip
    max_shadows: Annotated[int, Beyond("too_many_requests", words="the copy is refused, and nobody notices")] = Field(
        default=50, ge=0, le=100_000,
        description="copies of requests for models on trial that the router works on at a time, of all tenants",
    )  # fmt: skip
    bulk_per_s: Annotated[float, Beyond(words="it waits on its topic")] = Field(
        default=20.0, ge=0, le=100_000,
        description="inferences of `bulk` that the router begins a second while people ask (`interactive`, within the "
        "last 30 s), so that they do not notice it; 0: as many as there are. Without them there is no bound",
    )  # fmt: skip
    drain_s: Annotated[float, Beyond("handed_back", words="another router makes the call")] = Field(
        default=20.0, ge=0, le=3600, description="after SIGTERM, calls in flight may finish within this"
    )
    connect_timeout_s: Annotated[float, Beyond("connect_timeout")] = Field(
        default=5.0, gt=0, le=300, description="for a connection to an endpoint"
    )
    max_tries: Annotated[int, Beyond(words="the next candidate is tried, or the last call's error is the answer")] = (
        Field(default=3, ge=1, le=100, description="calls of one candidate, the first included")
    )
    max_calls: Annotated[int, Beyond(words="the last call's error is the answer")] = Field(
        default=8, ge=1, le=100, description="of one inference, over all its candidates and deliveries"
    )
    retry_base_s: float = Field(
        default=0.2, ge=0, le=60,
        description="waits before a retry are random, up to this, doubled with each try",
    )  # fmt: skip
    retry_max_s: Annotated[float, Beyond(words="the next candidate is tried")] = Field(
        default=5.0, ge=0, le=3600,
        description="no wait is longer. An endpoint that asks for more (Retry-After) is passed over",
    )  # fmt: skip
    breaker_failures: Annotated[int, _PAUSED] = Field(
        default=20, ge=1, le=100_000, description="calls of one model that fail in a row before it is paused"
    )
    breaker_pause_s: float = Field(
        default=5.0, gt=0, le=3600, description="until a paused model is tried again; doubles while that fails"
    )
    breaker_max_pause_s: float = Field(default=60.0, gt=0, le=86_400, description="the longest pause")
    max_answer_bytes: Annotated[int, Beyond("bad_response")] = Field(
        default=3_500_000, ge=1000, le=3_800_000,
        description="a longer answer fails the call. Sealed and in base64 it must fit a record of 5 MiB",
    )  # fmt: skip
    max_stream_bytes: Annotated[int, Beyond("bad_response")] = Field(
        default=64 * 1024**2, ge=1000, le=1024**3,
        description="a longer stream fails the call. It is kept compressed until its end; compressed, sealed and in "
        "base64 it must fit a record of 5 MiB",
    )  # fmt: skip

    database: RouterDatabaseSettings = Field(default_factory=RouterDatabaseSettings)
    sealing: KeySettings = Field(default_factory=KeySettings)
    provider: ProviderSettings = Field(default_factory=ProviderSettings)
    guard: GuardSettings = Field(default_factory=GuardSettings)

    def room(self) -> RoomLimits:
        return RoomLimits(
            self.max_in_flight, self.max_waiting, self.max_held_bytes, self.tenant_share, self.max_shadows
        )
