"""Settings of the gateway, from the environment."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.gateway.bodies import MOST_BODY_BYTES
from services.gateway.inference.limits import LoadLimits
from services.gateway.quotas import FileLimits, Quotas
from shared.access import ApiKey
from shared.access.keys import parse_key
from shared.crypto.keys import KeySettings
from shared.db.reads import ReadSettings
from shared.errors import ConfigurationError
from shared.events.bounds import MAX_LIFE_DAYS
from shared.events.envelope import TenantId
from shared.files import FileSettings
from shared.guard import GuardSettings
from shared.registry import ProviderSettings
from shared.service.ways_back import WaysBackSettings
from shared.settings import Beyond, GroupName, Port

_DAY_S = 86_400
_YEAR_S = 366 * _DAY_S


class GatewaySettings(WaysBackSettings):
    """`TALLYGATE_*`; key, guard and provider settings are read by their own classes."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_")

    port: Port = Field(default=8000, description="the port to listen on")
    stream_keep_alive_s: float = Field(
        default=15.0, gt=0, le=3600, description="the longest silence in a stream; then a comment keeps it open"
    )
    stream_stall_s: Annotated[float, Beyond("cancelled", words="no more is told, the inference is cancelled")] = Field(
        default=20.0, gt=0, le=3600,
        description="for a caller that takes nothing of its stream. Shorter than `TALLYGATE_STALL_TIMEOUT_S`, which "
        "closes the connection",
    )  # fmt: skip
    stream_waiting_bytes: Annotated[int, Beyond(words="its router reads no more of it until half is taken")] = Field(
        default=64 * 1024, ge=1024, le=64 * 1024 * 1024,
        description="of one stream, while its caller does not take them",
    )  # fmt: skip
    monitor_url: str = Field(
        default="http://localhost:8001", max_length=2000, pattern=r"^https?://[^\s/@?#]+[^\s@?#]*$",
        description="where the monitor is",
    )  # fmt: skip
    admin_key_file: Path | None = Field(
        default=None,
        description="a file with one API key that is made known at start, with all scopes, so that there is a key to "
        "make keys with",
    )
    bootstrap_tenant: TenantId = Field(default="default", description="the tenant of that key")
    max_body_bytes: Annotated[int, Beyond("payload_too_large")] = Field(
        default=3_500_000, ge=1000, le=MOST_BODY_BYTES,
        description="a larger request is refused. Sealed and in base64 it must fit a record of 5 MiB",
    )  # fmt: skip
    body_timeout_s: Annotated[float, Beyond("invalid_request", 408, "the connection is closed")] = Field(
        default=30.0, gt=0, le=3600,  # 3.5 MB on a line of 1 Mbit/s
        description="a body that takes longer to come is refused",
    )  # fmt: skip
    max_bodies_bytes: Annotated[int, Beyond("unavailable")] = Field(
        default=512 * 1024 * 1024, ge=4_000_000, le=2**40,
        description="bytes of all bodies that one gateway reads or has in work, which tenants share",
    )  # fmt: skip
    default_deadline_s: float = Field(
        default=120.0, gt=0, le=MAX_LIFE_DAYS * 86_400, description="for requests that name none"
    )
    max_deadline_s: Annotated[float, Beyond(words="the request gets this deadline")] = Field(
        default=3600.0, gt=0, le=MAX_LIFE_DAYS * 86_400, description="a request that asks for more gets this"
    )
    # No longer than requests are kept on their topic, from which a lost router's are read again.
    background_deadline_s: float = Field(
        default=3600.0, gt=0, le=_DAY_S, description="for background inferences that name none"
    )
    max_background_deadline_s: Annotated[float, Beyond(words="the inference gets this deadline")] = Field(
        default=6 * 3600.0, gt=0, le=_DAY_S, description="a background inference that asks for more gets this"
    )
    publish_timeout_s: Annotated[float, Beyond("unavailable", words="the answer names the inference's id")] = Field(
        default=5.0, gt=0, le=300,
        description="the broker's ack is awaited for this long; the caller is then answered 503 with the inference's "
        "id, and the inference is cancelled unless it has an `Idempotency-Key`",
    )  # fmt: skip
    result_retention_s: Annotated[float, Beyond(words="the key stands for a new inference")] = Field(
        default=86_400.0, gt=0, le=_YEAR_S,
        description="for this long an `Idempotency-Key` gives the same answer, and results of background inferences "
        "are kept; of the latter a tenant's term `result_retention_s` goes before it",
    )  # fmt: skip
    feature_retention_s: Annotated[float, Beyond(words="it is deleted")] = Field(
        default=30 * 86_400.0, gt=0, le=_YEAR_S, description="for this long the result of a feature job is kept"
    )
    response_retention_s: Annotated[float, Beyond(words="it is deleted")] = Field(
        default=30 * 86_400.0, gt=0, le=_YEAR_S, description="for this long a response (`/v1/responses`) is kept"
    )
    tenant_rate_per_s: Annotated[float, Beyond("too_many_requests")] = Field(
        default=500.0, ge=0, le=1_000_000,  # about half of what one gateway takes in on one core
        description="requests a second that a tenant may send to one gateway. 0: no limit",
    )  # fmt: skip
    tenant_burst: Annotated[int, Beyond("too_many_requests")] = Field(
        default=1000, ge=0, le=1_000_000, description="how many of them may come at once. 0: those of one second"
    )
    # Less than 1, so that one tenant cannot take all.
    tenant_share: Annotated[float, Beyond("too_many_requests")] = Field(
        default=0.5, gt=0, le=1,
        description="of `TALLYGATE_MAX_IN_FLIGHT`, of the bytes of bodies and of probes, that a tenant may hold while "
        "no other holds any; several share, and always leave some (decisions/0020). 1: where there is one tenant only",
    )  # fmt: skip
    tenant_max_in_flight: Annotated[int, Beyond("too_many_requests")] = Field(
        default=2000, ge=0, le=1_000_000,
        description="requests of a tenant that one gateway has in work, within its share. 0: what the share leaves",
    )  # fmt: skip
    max_in_flight: Annotated[int, Beyond("unavailable")] = Field(
        default=4000, ge=0, le=1_000_000,
        description="requests of all tenants that one gateway has in work. 0: no limit, and no share",
    )  # fmt: skip
    max_queue_age_s: Annotated[float, Beyond("unavailable")] = Field(
        default=30.0, ge=0, le=86_400,
        description="when a request has waited longer than this for a router, new ones of who holds an even part of "
        "what is in work, or more, are refused until it is claimed; from twice this on those of all. 0: no limit",
    )  # fmt: skip
    max_models_per_tenant: Annotated[int, Beyond("invalid_request", 409)] = Field(
        default=200, gt=0, le=1_000_000,
        description="custom models of a tenant, those that are being set up included. What is there already goes on "
        "working, with this quota and the following",
    )  # fmt: skip
    max_keys_per_tenant: Annotated[int, Beyond("invalid_request", 409)] = Field(
        default=200, gt=0, le=1_000_000,
        description="API keys of a tenant that are not revoked. Keys of providers: one for each provider that there is",
    )  # fmt: skip
    max_sessions_per_tenant: Annotated[int, Beyond("invalid_request", 409)] = Field(
        default=1000, gt=0, le=1_000_000,
        description="sessions of codebase chat whose history is kept. A refusal names the oldest",
    )  # fmt: skip
    max_session_messages: Annotated[int, Beyond("invalid_request", 409)] = Field(
        default=1000, gt=1, le=1_000_000, description="messages of one session, which has at most 16 MB (413)"
    )
    max_open_jobs_per_tenant: Annotated[int, Beyond("too_many_requests")] = Field(
        default=100, gt=0, le=1_000_000, description="feature jobs of a tenant that have not ended"
    )
    max_background_per_tenant: Annotated[int, Beyond("too_many_requests")] = Field(
        default=1000, gt=0, le=1_000_000,
        description="background inferences of a tenant that have neither ended nor passed their deadline",
    )  # fmt: skip
    max_batches_per_tenant: Annotated[int, Beyond("too_many_requests")] = Field(
        default=100, gt=0, le=100_000, description="batches of a tenant that have not ended"
    )
    max_held_streams: Annotated[int, Beyond(words="its chunks are told when the answer is whole")] = Field(
        default=500, gt=0, le=100_000,
        description="streams of background inferences whose chunks one gateway takes as they come, of at most some "
        "150 KiB each; tenants share them",
    )  # fmt: skip
    max_idempotency_keys_per_tenant: Annotated[int, Beyond("too_many_requests")] = Field(
        default=1_000_000, gt=0, le=10**9,
        description="keys of a tenant that are remembered, counted once a minute. Known ones go on working",
    )  # fmt: skip
    max_webhooks_per_tenant: Annotated[int, Beyond("invalid_request", 409)] = Field(
        default=20, gt=0, le=100_000, description="webhooks of a tenant, those that are disabled included"
    )
    max_session_caps_per_tenant: Annotated[int, Beyond("invalid_request", 409)] = Field(
        default=1000, gt=0, le=10_000,
        description="capped sessions of a tenant. A cap holds for 30 days; every gateway and router has all in memory",
    )  # fmt: skip
    max_file_bytes: Annotated[int, Beyond("payload_too_large")] = Field(
        default=512 * 1024 * 1024, ge=1000, le=2**40, description="of one file that is uploaded"
    )
    max_files_per_tenant: Annotated[int, Beyond("invalid_request", 409)] = Field(
        default=10_000, gt=0, le=10_000_000, description="files of a tenant, those that batches write included"
    )
    max_stored_bytes_per_tenant: Annotated[int, Beyond("invalid_request", 409)] = Field(
        default=10 * 1024**3, ge=1000, le=2**50,
        description="bytes of these files together, before they are compressed; those that uploads may bring included",
    )  # fmt: skip
    file_upload_timeout_s: Annotated[float, Beyond("invalid_request", 408)] = Field(
        default=3600.0, gt=0, le=86_400,
        description="a file that takes longer to come is refused; so is one of which nothing comes for "
        "`TALLYGATE_BODY_TIMEOUT_S`",
    )  # fmt: skip
    max_reply_keys_per_tenant: Annotated[int, Beyond("invalid_request", 409)] = Field(
        default=20, gt=0, le=10_000, description="public keys of a tenant, for which answers by Kafka are sealed"
    )
    # The routers' own setting: whose claims the queue's age is measured by.
    router_group: GroupName = Field(
        default="router", description="the routers' group, whose claims tell how long requests wait"
    )

    sealing: KeySettings = Field(default_factory=KeySettings)
    provider: ProviderSettings = Field(default_factory=ProviderSettings)
    guard: GuardSettings = Field(default_factory=GuardSettings)
    file: FileSettings = Field(default_factory=FileSettings)
    reads: ReadSettings = Field(default_factory=ReadSettings)

    @property
    def load_limits(self) -> LoadLimits:
        return LoadLimits(
            tenant_rate_per_s=self.tenant_rate_per_s,
            tenant_burst=self.tenant_burst,
            tenant_max_in_flight=self.tenant_max_in_flight,
            max_in_flight=self.max_in_flight,
            max_queue_age_s=self.max_queue_age_s,
            tenant_share=self.tenant_share,
        )

    @property
    def quotas(self) -> Quotas:
        return Quotas(
            models=self.max_models_per_tenant,
            keys=self.max_keys_per_tenant,
            sessions=self.max_sessions_per_tenant,
            session_messages=self.max_session_messages,
            open_jobs=self.max_open_jobs_per_tenant,
            sent_keys=self.max_idempotency_keys_per_tenant,
            webhooks=self.max_webhooks_per_tenant,
            session_caps=self.max_session_caps_per_tenant,
            batches=self.max_batches_per_tenant,
            files=FileLimits(self.max_file_bytes, self.max_files_per_tenant, self.max_stored_bytes_per_tenant),
            reply_keys=self.max_reply_keys_per_tenant,
        )

    def bootstrap_key(self) -> ApiKey | None:
        """The key in `admin_key_file`. Raises ConfigurationError when the file cannot be read or holds none."""
        path = self.admin_key_file
        if path is None:
            return None
        try:
            key = parse_key(path.read_text().strip())
        except OSError as error:
            raise ConfigurationError(f"TALLYGATE_ADMIN_KEY_FILE={path} cannot be read: {error.strerror}") from error
        if key is None:
            raise ConfigurationError(
                f"TALLYGATE_ADMIN_KEY_FILE={path} does not hold a key; make one with: tallygate keys new-admin-key"
            )
        return key
