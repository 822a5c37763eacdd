import orjson
import pytest

from shared.errors import ConfigurationError
from shared.registry import Price, ProviderSettings
from shared.registry.providers import provider_models, with_own_keys
from tests.unit.shared.registry.test_models import model

OPENAI = {"name": "openai", "base_url": "https://host/v1/", "api_key": "opensesame", "models": ["large", "small"],
          "first_chunk_timeout_s": 3, "idle_timeout_s": 2,
          "prices": {"small": {"input_per_mtok_usd": 1, "output_per_mtok_usd": 2}}}  # fmt: skip
CLAUDE = {"name": "claude", "wire_format": "anthropic", "base_url": "https://other/v1/messages", "models": ["c"],
          "timeout_s": 5}  # fmt: skip


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> ProviderSettings:
    monkeypatch.setenv("TALLYGATE_PROVIDERS", orjson.dumps([OPENAI, CLAUDE]).decode())
    return ProviderSettings()


def test_without_the_setting_there_are_no_provider_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TALLYGATE_PROVIDERS", raising=False)
    assert provider_models(ProviderSettings()) == {}


def test_the_order_of_the_configuration_is_the_order_of_fallback(settings: ProviderSettings) -> None:
    assert list(provider_models(settings)) == ["openai:large", "openai:small", "claude:c"]


def test_each_model_knows_where_and_how_it_is_called(settings: ProviderSettings) -> None:
    models = provider_models(settings)
    assert models["openai:large"].completions_url == "https://host/v1/chat/completions"
    assert models["openai:large"].upstream_model == "large"
    assert models["openai:large"].plain_api_key == "opensesame"
    assert models["claude:c"].completions_url == "https://other/v1/messages"
    assert (models["claude:c"].plain_api_key, models["claude:c"].timeout_s) == (None, 5.0)


def test_a_stream_begins_in_the_time_of_a_whole_answer_unless_its_own_is_given(settings: ProviderSettings) -> None:
    models = provider_models(settings)
    claude, openai = models["claude:c"], models["openai:large"]
    assert (claude.first_chunk_timeout_s, claude.idle_timeout_s) == (5.0, 30.0)
    assert (openai.first_chunk_timeout_s, openai.idle_timeout_s) == (3.0, 2.0)


def test_a_price_belongs_to_its_model_only(settings: ProviderSettings) -> None:
    models = provider_models(settings)
    assert models["openai:small"].price == Price(input_per_mtok_usd=1, output_per_mtok_usd=2)
    assert models["openai:large"].price is None


def test_keys_are_not_shown(settings: ProviderSettings) -> None:
    assert "opensesame" not in repr(settings)
    assert "opensesame" not in repr(provider_models(settings))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Open AI"},
        {"name": ""},
        {"name": "open:ai"},
        {"wire_format": "other"},
        {"models": "large"},
        {"base_url": None},
        {"base_url": "https://user:opensesame@host/v1"},
        {"name": "custom"},
        {"misspelt": 1},
    ],
)
def test_a_wrong_setting_is_refused_without_showing_the_keys(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object]
) -> None:
    monkeypatch.setenv("TALLYGATE_PROVIDERS", orjson.dumps([OPENAI | wrong]).decode())
    with pytest.raises(ConfigurationError, match=next(iter(wrong))) as caught:
        ProviderSettings()
    assert "opensesame" not in str(caught.value)


def test_a_provider_without_a_required_field_is_refused_without_showing_the_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TALLYGATE_PROVIDERS", '[{"name": "ours", "api_key": "opensesame", "models": ["m"]}]')
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        ProviderSettings()
    assert "opensesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("entries", "mistake"),
    [
        ([OPENAI, CLAUDE, OPENAI | {"models": ["small"]}], "more than one entry is named openai"),
        ([OPENAI | {"models": ["large"]}], "prices of openai: not among its models: small"),
        ([OPENAI | {"context_windows": {"larg": 1, "small": 1}}], "context_windows of openai: .*: larg"),
        ([OPENAI | {"capabilities": {"larg": {"tools": True}}}], "capabilities of openai: .*: larg"),
    ],
)
def test_a_mistake_that_would_pass_silently_is_told_without_showing_the_keys(
    monkeypatch: pytest.MonkeyPatch, entries: list[dict[str, object]], mistake: str
) -> None:
    monkeypatch.setenv("TALLYGATE_PROVIDERS", orjson.dumps(entries).decode())
    with pytest.raises(ConfigurationError, match=mistake) as caught:
        ProviderSettings()
    assert "opensesame" not in str(caught.value)


def test_of_a_known_provider_only_the_models_must_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "TALLYGATE_PROVIDERS",
        '[{"name": "anthropic", "models": ["claude-sonnet-4-5"]}, {"name": "google", "models": ["gemini-2.5-pro"]}]',
    )
    claude, gemini = provider_models(ProviderSettings()).values()
    assert (claude.wire_format, claude.endpoint_url) == ("anthropic", "https://api.anthropic.com/v1")
    assert claude.context_window is not None
    assert claude.price is not None
    assert gemini.completions_url.endswith("/v1beta/openai/chat/completions")
    assert claude.lacks_key


def test_what_is_configured_comes_before_what_is_publicly_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "TALLYGATE_PROVIDERS",
        '[{"name": "openai", "models": ["gpt-4o", "ours"], "context_windows": {"gpt-4o": 100},'
        ' "prices": {"gpt-4o": {"input_per_mtok_usd": 1, "output_per_mtok_usd": 2}}}]',
    )
    known, ours = provider_models(ProviderSettings()).values()
    assert known.context_window == 100
    assert known.price == Price(input_per_mtok_usd=1, output_per_mtok_usd=2)
    assert (ours.price, ours.context_window) == (None, None)


def test_a_tenants_own_key_replaces_the_deployments() -> None:
    shared_model = model(id="openai:m", provider_name="openai", plain_api_key="opensesame")
    other = model(id="claude:c", provider_name="claude", plain_api_key="opensesame")
    own = with_own_keys({one.id: one for one in (shared_model, other)}, "acme", {"openai": "sealed"})
    assert (own["openai:m"].sealed_api_key, own["openai:m"].plain_api_key) == ("sealed", None)
    assert own["openai:m"].tenant_id == "acme"
    assert own["claude:c"] is other


def test_a_provider_may_have_a_query_which_stays_behind_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://r.openai.azure.com/openai/deployments/d?api-version=2024-10-21"
    monkeypatch.setenv(
        "TALLYGATE_PROVIDERS", orjson.dumps([{"name": "azure", "base_url": url, "models": ["d"]}]).decode()
    )
    [azure] = provider_models(ProviderSettings()).values()
    assert azure.completions_url == url.replace("?", "/chat/completions?")


def test_a_provider_has_no_secret_in_its_query(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = {"name": "p", "base_url": "https://h/v1?api_key=opensesame", "models": ["m"]}
    monkeypatch.setenv("TALLYGATE_PROVIDERS", orjson.dumps([provider]).decode())
    with pytest.raises(ConfigurationError, match="use api_key") as caught:
        ProviderSettings()
    assert "opensesame" not in str(caught.value)
