"""Settings of the features worker, from the environment."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.crypto.keys import KeySettings
from shared.guard import GuardSettings
from shared.registry import ProviderSettings
from shared.service.ways_back import WaysBackSettings
from shared.settings import Beyond, GroupName, Port

_YEAR_S = 366 * 86_400


class FeaturesSettings(WaysBackSettings):
    """`TALLYGATE_FEATURES_*`; key, guard and provider settings are read by their own classes."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_FEATURES_")

    port: Port = Field(
        default=8020,
        description="the port to listen on, for `/healthz`, `/readyz` and `/metrics`. In the local run: "
        "`TALLYGATE_ROUTER_PORT` + 10",
    )
    group: GroupName = Field(
        default="features", description="the consumer group; workers of one database share the jobs"
    )
    max_jobs: Annotated[int, Beyond(words="jobs wait for a worker")] = Field(
        default=4, ge=1, le=1000, description="jobs that one worker works on at a time"
    )
    max_deliveries: Annotated[int, Beyond("router_lost")] = Field(
        default=3, ge=1, le=100, description="workers that may be lost with one job before it is settled as failed"
    )
    lease_s: Annotated[float, Beyond(words="another worker takes the job")] = Field(
        default=10.0, gt=0, le=3600, description="a worker that is silent for so long has lost its jobs to another"
    )
    call_timeout_s: Annotated[float, Beyond("expired")] = Field(
        default=300.0, gt=0, le=86_400, description="for one model call"
    )
    context_tokens: Annotated[int, Beyond(words="what matters less is left out, and the result says so")] = Field(
        default=24_000, ge=500, le=10_000_000, description="how much of the repository goes into a prompt"
    )
    answer_tokens: Annotated[int, Beyond(words="the model is asked to go on")] = Field(
        default=8_000, ge=256, le=1_000_000, description="how much a model may answer with at a time"
    )
    max_repairs: Annotated[int, Beyond("generation_invalid")] = Field(
        default=2, ge=0, le=20, description="how often what does not pass its checks goes back to the model"
    )
    clone_timeout_s: Annotated[float, Beyond("read_timeout")] = Field(
        default=60.0, gt=0, le=3600, description="for cloning a repository"
    )
    max_repository_bytes: Annotated[int, Beyond(words="the rest is left out, and the result says so")] = Field(
        default=20_000_000, ge=1, le=1_000_000_000, description="of text that is read of a repository"
    )
    retention_s: Annotated[float, Beyond(words="they are deleted")] = Field(
        default=86_400.0, gt=0, le=_YEAR_S, description="for this long after a job's end its finished steps are kept"
    )
    check_command: str = Field(
        default="", max_length=4000,
        description="a command that is run on what was produced, in a sandbox without network. "
        "Empty: nothing is ever executed",
    )  # fmt: skip
    check_timeout_s: Annotated[float, Beyond("generation_invalid")] = Field(
        default=120.0, gt=0, le=3600, description="for that command"
    )

    sealing: KeySettings = Field(default_factory=KeySettings)
    provider: ProviderSettings = Field(default_factory=ProviderSettings)
    guard: GuardSettings = Field(default_factory=GuardSettings)
