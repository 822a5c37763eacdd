"""What is said of wire formats by name, and what URLs say of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire import WireFormat, base_url, dialect_of, wire_format_of


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
    ],
)
def test_the_base_is_without_the_final_path(url: str, wire_format: WireFormat, base: str) -> None:
    assert base_url(url, wire_format) == base


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
        ("http://api.anthropic.com.evil/v1", None),
        ("http://[::1/v1", None),
    ],
)
def test_the_wire_format_that_the_url_gives_away(url: str, wire_format: str | None) -> None:
    assert wire_format_of(url) == wire_format


def test_each_format_lists_its_models_and_asks_for_as_many_as_it_gives() -> None:
    assert dialect_of("openai").models_path == "/models"
    assert dialect_of("anthropic").models_path == "/models?limit=1000"
