"""What is said of wire formats by name, and what URLs say of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire import WireFormat, base_url, below, dialect_of, wire_format_of


@pytest.mark.parametrize(
    ("url", "wire_format", "base"),
    [
        ("http://h/v1", "openai", "http://h/v1"),
        ("http://h/v1/", "openai", "http://h/v1"),
        ("http://h/v1///", "openai", "http://h/v1"),
        ("  http://h/v1  ", "openai", "http://h/v1"),
        ("http://h/v1/chat/completions", "openai", "http://h/v1"),
        ("http://h/v1/chat/completions/", "openai", "http://h/v1"),
        ("http://h/v1//chat/completions", "openai", "http://h/v1"),
        ("http://h/chat/completions", "openai", "http://h"),
        ("http://h/v1/messages", "openai", "http://h/v1/messages"),
        ("http://h/v1/messages", "anthropic", "http://h/v1"),
        ("http://h/v1/chat/completions", "anthropic", "http://h/v1/chat/completions"),
        ("http://[::1]:8000/v1", "openai", "http://[::1]:8000/v1"),
        ("http://h/v1?a=1", "openai", "http://h/v1?a=1"),
        ("http://h/v1/?a=1/", "openai", "http://h/v1?a=1/"),
        ("http://h/v1/chat/completions/?a=1", "openai", "http://h/v1?a=1"),
        ("http://h?a=/chat/completions", "openai", "http://h?a=/chat/completions"),
        ("https://r.services.ai.azure.com/anthropic", "anthropic", "https://r.services.ai.azure.com/anthropic/v1"),
        (
            "https://r.services.ai.azure.com/anthropic/v1/messages",
            "anthropic",
            "https://r.services.ai.azure.com/anthropic/v1",
        ),
        ("https://api.anthropic.com/", "anthropic", "https://api.anthropic.com/v1"),
        ("https://api.anthropic.com/v1", "anthropic", "https://api.anthropic.com/v1"),
    ],
)
def test_the_base_is_without_the_final_path(url: str, wire_format: WireFormat, base: str) -> None:
    assert base_url(url, wire_format) == base
    assert base_url(base, wire_format) == base


@pytest.mark.parametrize(
    ("base", "path", "address"),
    [
        ("http://h/v1", "/chat/completions", "http://h/v1/chat/completions"),
        ("http://h", "/embeddings", "http://h/embeddings"),
        ("http://h/v1?a=1", "/chat/completions", "http://h/v1/chat/completions?a=1"),
        ("http://h/v1", "/models?limit=1000", "http://h/v1/models?limit=1000"),
        ("http://h/v1?a=1&b=/", "/models?limit=1000", "http://h/v1/models?a=1&b=/&limit=1000"),
        ("https://r.openai.azure.com/openai/deployments/d?api-version=2024-10-21", "/chat/completions",
         "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"),
    ],
)  # fmt: skip
def test_a_path_is_put_before_the_query(base: str, path: str, address: str) -> None:
    assert below(base, path) == address


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://r.openai.azure.com/openai/v1", "api-key"),
        ("https://r.OpenAI.azure.com:443/openai/deployments/d?api-version=1", "api-key"),
        ("https://r.cognitiveservices.azure.com/openai/deployments/d", "api-key"),
        ("https://r.services.ai.azure.com/models?api-version=1", "api-key"),
        ("https://r.openai.azure.us", "api-key"),
        ("https://r.models.ai.azure.com/v1", "authorization"),
        ("https://openai.azure.com.evil.example/v1", "authorization"),
        ("https://r.openai.azure.com.evil.example/v1", "authorization"),
        ("https://evil.example/r.openai.azure.com/", "authorization"),
        ("https://evil.example?r.openai.azure.com", "authorization"),
        ("https://api.openai.com/v1", "authorization"),
    ],
)
def test_azure_takes_the_key_by_a_header_of_its_own(url: str, header: str) -> None:
    assert list(dialect_of("openai").headers("k", url)) == [header]
    assert dialect_of("openai").headers(None, url) == {}
    assert dialect_of("anthropic").headers("k", url)["x-api-key"] == "k"


@given(st.text(alphabet="/chatompleins.v1 "), st.sampled_from(["/chat/completions", "/chat/completions/", ""]))
def test_with_or_without_the_final_path_is_the_same_endpoint(path: str, final: str) -> None:
    url = f"http://h/{path.strip('/ ')}".rstrip("/")
    if not url.endswith("/chat/completions"):
        assert base_url(url + final, "openai") == base_url(url, "openai")


@pytest.mark.parametrize(
    ("url", "wire_format"),
    [
        ("https://api.anthropic.com/v1", "anthropic"),
        ("https://API.anthropic.com:443/v1", "anthropic"),
        ("https://api.anthropic.com/v1/chat/completions", "openai"),
        ("http://h/v1/messages/", "anthropic"),
        ("http://h/v1/chat/completions", "openai"),
        ("http://h/v1", None),
        ("http://h/v1/messages?a=1", "anthropic"),
        ("http://h/v1?a=/messages", None),
        ("https://r.services.ai.azure.com/anthropic", "anthropic"),
        ("https://r.services.ai.azure.com/anthropic/v1/", "anthropic"),
        ("https://r.services.ai.azure.com/anthropic/v1/messages?a=1", "anthropic"),
        ("https://api.deepseek.com/anthropic", "anthropic"),
        ("https://r.services.ai.azure.com/openai/v1", None),
        ("https://api.anthropic.com?a=1", "anthropic"),
        ("http://api.anthropic.com.evil/v1", None),
        ("http://[::1/v1", None),
    ],
)
def test_the_wire_format_that_the_url_gives_away(url: str, wire_format: str | None) -> None:
    assert wire_format_of(url) == wire_format


def test_each_format_lists_its_models_and_asks_for_as_many_as_it_gives() -> None:
    assert dialect_of("openai").models_path == "/models"
    assert dialect_of("anthropic").models_path == "/models?limit=1000"
