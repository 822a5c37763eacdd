"""Settings of the console, from the environment."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.crypto.keys import KeySettings
from shared.service.listening import HttpSettings
from shared.settings import Beyond, Port


class ConsoleSettings(HttpSettings):
    """`TALLYGATE_CONSOLE_*`."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_CONSOLE_")

    port: Port = Field(default=8002, description="the port to listen on")
    gateway_url: str = Field(
        default="http://localhost:8000", max_length=2000, pattern=r"^https?://[^\s/@?#]+[^\s@?#]*$",
        validation_alias="TALLYGATE_GATEWAY_URL",
        description="where the gateway is. The commands read the same variable",
    )  # fmt: skip
    gateway_timeout_s: Annotated[float, Beyond("unavailable")] = Field(
        default=15.0, gt=0, le=300, description="for one answer of the gateway, of which a page needs one or a few"
    )
    session_s: Annotated[float, Beyond(words="who is signed in must sign in again")] = Field(
        default=28_800.0, ge=60, le=604_800, description="for this long a sign-in lasts, used or not"
    )

    sealing: KeySettings = Field(default_factory=KeySettings)
