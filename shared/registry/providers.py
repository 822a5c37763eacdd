"""Provider models that the deployment offers, by configuration: `TALLYGATE_PROVIDERS`, a JSON list."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.guard.urls import secret_in_query
from shared.registry.models import (
    CUSTOM_PREFIX,
    DEFAULT_IDLE_TIMEOUT_S,
    DEFAULT_TIMEOUT_S,
    MOST_TIMEOUT_S,
    Capabilities,
    Model,
    Price,
)
from shared.registry.presets import KNOWN_PROVIDERS
from shared.registry.prices import model_facts
from shared.settings import Settings
from shared.wire import WireFormat, base_url

MAX_UPSTREAM_NAME = 150  # with the provider's name before it, it is an id of at most 256 characters


class Provider(BaseModel):
    """One provider: where it is, how it speaks, the deployment's key, and the models it offers in order of use.

    Of a known provider (`KNOWN_PROVIDERS`) base_url, wire_format and key_required need not be given.
    Prices and context windows are those of genai-prices; `prices` and `context_windows` come before them, by model.
    key_required: only those can use it who have a key, unless the deployment has one.
    The times are those of `Model`; first_chunk_timeout_s is timeout_s unless it is given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=100)
    wire_format: WireFormat = "openai"
    base_url: str = Field(pattern=r"^https?://[^\s@?#]+(?:\?[^\s#]+)?$", max_length=2000)
    api_key: SecretStr | None = None
    key_required: bool = False
    models: tuple[Annotated[str, Field(min_length=1, max_length=MAX_UPSTREAM_NAME)], ...] = Field(
        min_length=1, max_length=10_000
    )
    prices: dict[str, Price] = {}
    context_windows: dict[str, Annotated[int, Field(ge=1, lt=2**31)]] = {}
    capabilities: dict[str, Capabilities] = {}
    timeout_s: float = Field(default=DEFAULT_TIMEOUT_S, gt=0, le=MOST_TIMEOUT_S)
    first_chunk_timeout_s: float | None = Field(default=None, gt=0, le=MOST_TIMEOUT_S)
    idle_timeout_s: float = Field(default=DEFAULT_IDLE_TIMEOUT_S, gt=0, le=MOST_TIMEOUT_S)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, given: object) -> object:
        known = KNOWN_PROVIDERS.get(str(given.get("name"))) if isinstance(given, dict) else None
        if known is None or not isinstance(given, dict):
            return given
        return {"base_url": known.base_url, "wire_format": known.wire_format, "key_required": True} | given

    @field_validator("name")
    @classmethod
    def _not_custom(cls, name: str) -> str:
        if f"{name}:" == CUSTOM_PREFIX:
            raise ValueError("'custom' is the prefix of tenants' own models; choose another name")
        return name

    @field_validator("base_url")
    @classmethod
    def _without_secrets(cls, url: str) -> str:
        if secret_in_query(url):
            raise ValueError("base_url must not hold a secret in its query, which is shown and logged; use api_key")
        return url

    @model_validator(mode="after")
    def _of_its_models(self) -> Self:
        """Raises ValueError for settings of models that it does not have: a misspelt name would have no effect."""
        for field, named in (
            ("prices", self.prices),
            ("context_windows", self.context_windows),
            ("capabilities", self.capabilities),
        ):
            if unknown := sorted(named.keys() - set(self.models)):
                raise ValueError(f"{field} of {self.name}: not among its models: {', '.join(unknown)}")
        return self


class ProviderSettings(Settings):
    """For example [{"name": "openai", "api_key": "...", "models": ["gpt-5-mini"]}]"""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_")

    providers: tuple[Provider, ...] = Field(
        default=(),
        max_length=1000,
        repr=False,  # it holds keys
        description="the deployment's provider models, as a JSON list in the order of fallback (below)",
    )

    @field_validator("providers")
    @classmethod
    def _each_once(cls, providers: tuple[Provider, ...]) -> tuple[Provider, ...]:
        names = Counter(provider.name for provider in providers)
        if twice := [name for name, times in names.items() if times > 1]:
            raise ValueError(
                f"more than one entry is named {', '.join(twice)}; write all models of a provider into one"
            )
        return providers


ProviderModels = dict[str, Model]


def provider_models(settings: ProviderSettings) -> ProviderModels:
    """By id, in the order of the configuration, which is the order of fallback."""
    return {model.id: model for provider in settings.providers for model in _models_of(provider)}


def with_own_keys(models: ProviderModels, tenant_id: str, sealed_keys: Mapping[str, str]) -> ProviderModels:
    """The models as a tenant uses them: with its own key instead of the deployment's where it has one."""
    if not sealed_keys:
        return models
    return {model.id: _with_own_key(model, tenant_id, sealed_keys) for model in models.values()}


def _with_own_key(model: Model, tenant_id: str, sealed_keys: Mapping[str, str]) -> Model:
    sealed = sealed_keys.get(model.provider_name)
    if sealed is None:
        return model
    return model.model_copy(update={"tenant_id": tenant_id, "sealed_api_key": sealed, "plain_api_key": None})


def _models_of(provider: Provider) -> list[Model]:
    return [_model_of(provider, name) for name in provider.models]


def _model_of(provider: Provider, name: str) -> Model:
    facts = model_facts(provider.name, name, provider.base_url)
    return Model(
        id=f"{provider.name}:{name}",
        wire_format=provider.wire_format,
        provider_name=provider.name,
        endpoint_url=base_url(provider.base_url, provider.wire_format),
        plain_api_key=provider.api_key.get_secret_value() if provider.api_key else None,
        key_required=provider.key_required,
        config={"model": name},
        capabilities=provider.capabilities.get(name, Capabilities()),
        context_window=provider.context_windows.get(name, facts.context_window),
        price=provider.prices.get(name, facts.price),
        timeout_s=provider.timeout_s,
        first_chunk_timeout_s=provider.first_chunk_timeout_s or provider.timeout_s,
        idle_timeout_s=provider.idle_timeout_s,
    )
