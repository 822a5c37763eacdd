"""Provider models that the deployment offers, by configuration: `TALLYGATE_PROVIDERS`, a JSON list."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.registry.models import DEFAULT_TIMEOUT_S, Model, Price, WireFormat, base_url


class Provider(BaseModel):
    """One provider: where it is, how it speaks, the deployment's key, and the models it offers in order of use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    wire_format: WireFormat = "openai"
    base_url: str
    api_key: SecretStr | None = None
    models: tuple[str, ...]
    prices: dict[str, Price] = {}
    timeout_s: float = DEFAULT_TIMEOUT_S


class ProviderSettings(BaseSettings):
    """For example [{"name": "openai", "base_url": "https://host/v1", "api_key": "...", "models": ["gpt-5"]}]"""

    # A setting that is wrong is told without its value, which holds keys.
    model_config = SettingsConfigDict(env_prefix="TALLYGATE_", hide_input_in_errors=True)

    providers: tuple[Provider, ...] = ()


ProviderModels = dict[str, Model]


def provider_models(settings: ProviderSettings) -> ProviderModels:
    """By id, in the order of the configuration, which is the order of fallback."""
    return {model.id: model for provider in settings.providers for model in _models_of(provider)}


def _models_of(provider: Provider) -> list[Model]:
    return [
        Model(
            id=f"{provider.name}:{name}",
            wire_format=provider.wire_format,
            provider_name=provider.name,
            endpoint_url=base_url(provider.base_url, provider.wire_format),
            plain_api_key=provider.api_key.get_secret_value() if provider.api_key else None,
            config={"model": name},
            price=provider.prices.get(name),
            timeout_s=provider.timeout_s,
        )
        for name in provider.models
    ]
