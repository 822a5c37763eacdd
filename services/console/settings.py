"""Settings of the console, from the environment."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.crypto.keys import KeySettings
from shared.errors import ConfigurationError
from shared.service.listening import HttpSettings
from shared.settings import Beyond, Port, Settings

API_KEY = re.compile(r"[\x21-\x7e]{1,500}")  # what a header can carry; whether it is one, the gateway knows
# Secrets go there, so nobody on the way may read them: TLS, or this machine.
SAFE_URL = r"^(https://[^\s/@?#\\]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)([/?][^\s#\\]*)?$"


class OidcSettings(Settings):
    """`TALLYGATE_CONSOLE_OIDC_*`: sign-in by an identity provider. Without an issuer there is none."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_CONSOLE_OIDC_")

    issuer: str = Field(
        default="", max_length=2000, pattern=f"^$|{SAFE_URL}",
        description="the identity provider, as it names itself: what stands before "
        "`/.well-known/openid-configuration`. https, or http on this machine. Empty: people sign in with API keys only",
    )  # fmt: skip
    client_id: str = Field(default="", max_length=500, description="of the client that was made for the console there")
    client_secret: SecretStr = Field(
        default=SecretStr(""), description="of this client. Empty for a public one, which is protected by PKCE alone"
    )
    console_url: str = Field(
        default="", max_length=2000, pattern=f"^$|{SAFE_URL}", validation_alias="TALLYGATE_CONSOLE_URL",
        description="where browsers reach the console. The provider must know `<this>/login/oidc/callback` as a "
        "redirect address, and `<this>/login` as one after signing out",
    )  # fmt: skip
    roles: dict[str, Path] = Field(
        default={},
        description="who may sign in, and as whom: for each value of the roles claim a file with an API key, as JSON, "
        '`{"ops": "/run/secrets/ops.key"}`. Of several that somebody has, the first is taken, and the others can be '
        "changed to",
    )
    roles_claim: str = Field(
        default="groups", min_length=1, max_length=500,
        description="the claim with somebody's roles, or a path into one (`realm_access.roles`): in the ID token, "
        "otherwise in the userinfo",
    )  # fmt: skip
    scopes: str = Field(
        default="openid profile email", max_length=2000, pattern=r"(^|.* )openid($| .*)",
        description="what the provider is asked for",
    )  # fmt: skip
    name: str = Field(
        default="single sign-on", min_length=1, max_length=50,
        description="the provider's name on the button `Sign in with ...`",
    )  # fmt: skip
    clock_skew_s: Annotated[int, Beyond(words="the sign-in is refused")] = Field(
        default=60, ge=0, le=300, description="so far the provider's clock and the console's may be apart"
    )
    timeout_s: Annotated[float, Beyond("endpoint_unreachable", http_status=503)] = Field(
        default=10.0, gt=0, le=60, description="for all that the provider is asked at one step of a sign-in"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        needed = {
            "TALLYGATE_CONSOLE_OIDC_CLIENT_ID": self.client_id,
            "TALLYGATE_CONSOLE_OIDC_ROLES": self.roles,
            "TALLYGATE_CONSOLE_URL": self.console_url,
        }
        missing = [variable for variable, value in needed.items() if not value]
        if self.issuer and missing:
            raise ValueError(f"TALLYGATE_CONSOLE_OIDC_ISSUER is set, so these must be set too: {', '.join(missing)}")
        return self

    def role_keys(self) -> Mapping[str, str]:
        """API keys by role, in the order of the settings. Raises ConfigurationError, which names no key."""
        return {role: _key_in(role, path) for role, path in self.roles.items()} if self.issuer else {}


def _key_in(role: str, path: Path) -> str:
    where = f"TALLYGATE_CONSOLE_OIDC_ROLES: the file {path} of {role}"
    try:
        key = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(f"{where} cannot be read: {why}") from None
    if not API_KEY.fullmatch(key):
        raise ConfigurationError(
            f"{where} does not hold an API key; make one with: tallygate keys create --tenant NAME"
        )
    return key


def _leads_to_one(url: str | None) -> str | None:
    """Of a web server, and of one inference: nothing else may stand where a page links to."""
    if url is None:
        return None
    if re.fullmatch(r"https?://[A-Za-z0-9\[][^\s\x00-\x1f\"<>\\^`|]*", url) is None:
        raise ValueError("must be an address of http or https")
    if not {"{trace_id}", "{inference_id}"} & set(re.findall(r"\{[^{}]*\}", url)):
        raise ValueError("must hold {trace_id} or {inference_id}")
    return url


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

    trace_url: Annotated[str | None, Field(max_length=2000), AfterValidator(_leads_to_one)] = Field(
        default=None,
        description="where a trace is shown, with {trace_id} or {inference_id} in it: pages of inferences link there, "
        "as in https://jaeger.example/trace/{trace_id}",
    )

    sealing: KeySettings = Field(default_factory=KeySettings)
    oidc: OidcSettings = Field(default_factory=OidcSettings)
