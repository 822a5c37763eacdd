"""Settings of the jobs service, from the environment."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.crypto.keys import KeySettings
from shared.files.settings import FileSettings
from shared.guard import GuardSettings
from shared.service.settings import ServiceSettings
from shared.settings import Beyond, GroupName, Port

_YEAR_S = 366 * 86_400


class JobsSettings(ServiceSettings):
    """`TALLYGATE_JOBS_*`; key and guard settings are read by their own classes."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_JOBS_")

    port: Port = Field(
        default=8030,
        description="the port to listen on, for `/healthz`, `/readyz` and `/metrics`. In the local run: "
        "`TALLYGATE_ROUTER_PORT` + 20",
    )
    group: GroupName = Field(
        default="jobs", description="the consumer group; workers of one database share the webhooks"
    )
    lease_s: Annotated[float, Beyond(words="another worker takes the webhook")] = Field(
        default=10.0, gt=0, le=3600, description="a worker that is silent for so long has lost its webhooks to another"
    )
    max_webhooks: Annotated[int, Beyond(words="webhooks wait for a place")] = Field(
        default=64,
        ge=1,
        le=10_000,
        description="webhooks that one worker calls at a time; a receiver that hangs has one",
    )
    max_webhooks_of_tenant: Annotated[int, Beyond(words="webhooks wait for one of the tenant's own places")] = Field(
        default=8, ge=1, le=10_000, description="of one tenant, over all workers"
    )
    calls_at_once: Annotated[int, Beyond(words="deliveries wait for the ones before")] = Field(
        default=4, ge=1, le=100, description="calls of one receiver at a time; one, while it takes nothing"
    )
    webhook_timeout_s: Annotated[float, Beyond("read_timeout", words="the delivery is tried again")] = Field(
        default=15.0, gt=0, le=600, description="for a receiver's answer"
    )
    webhook_give_up_s: Annotated[float, Beyond(words="it has failed; the webhook is disabled when it took nothing")] = (
        Field(default=86_400.0, ge=1, le=30 * 86_400, description="for so long a delivery is tried")
    )
    webhook_retention_s: Annotated[float, Beyond(words="it is deleted")] = Field(
        default=3 * 86_400.0, gt=0, le=_YEAR_S,
        description="for this long after its end a delivery is shown, and can be sent again. Of one webhook, the last "
        "10,000",
    )  # fmt: skip

    max_batches: Annotated[int, Beyond(words="batches wait for a place")] = Field(
        default=16, ge=1, le=1000, description="batches that one worker feeds at a time"
    )
    max_batches_of_tenant: Annotated[int, Beyond(words="batches wait for one of the tenant's own places")] = Field(
        default=4, ge=1, le=1000, description="of one tenant, over all workers"
    )
    max_batch_lines: Annotated[int, Beyond(words="the batch fails")] = Field(
        default=100_000, ge=1, le=1_000_000, description="lines of one batch"
    )
    batch_window: Annotated[int, Beyond(words="lines wait for the ones before")] = Field(
        default=200, ge=1, le=2000,
        description="lines of one batch that are in flight at a time, at most; fewer while requests wait for routers",
    )  # fmt: skip
    batch_retention_s: Annotated[float, Beyond(words="it is deleted")] = Field(
        default=90 * 86_400.0, gt=0, le=_YEAR_S, description="for this long after its end a batch is shown"
    )
    gateway_url: str = Field(
        default="http://localhost:8000", max_length=2000, pattern=r"^https?://[^\s/@?#]+[^\s@?#]*$",
        validation_alias="TALLYGATE_GATEWAY_URL",
        description="where a gateway is, which begins the lines of batches. The commands read the same variable",
    )  # fmt: skip

    file: FileSettings = Field(default_factory=FileSettings)
    sealing: KeySettings = Field(default_factory=KeySettings)
    guard: GuardSettings = Field(default_factory=GuardSettings)
